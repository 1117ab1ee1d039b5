/** Files that belong to one user and one process: modes, links, locks and whole replacement. */
@NullMarked
package io.blkcast.file;

import org.jspecify.annotations.NullMarked;
