/** Reading configuration: YAML with places, sections, quantities, redaction. */
@NullMarked
package io.blkcast.config;

import org.jspecify.annotations.NullMarked;
