package io.blkcast.kafka.access;

import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourceType;

/**
 * Operations allowed on one resource, by its literal name. READ and WRITE imply DESCRIBE.
 *
 * @param type of the resource
 * @param name of the resource
 * @param operations at least one
 */
public record Right(ResourceType type, String name, List<AclOperation> operations) {

  public Right {
    operations = List.copyOf(operations);
  }

  /** As Kafka's admin client takes it, from any host. */
  public List<AclBinding> bindings(String principal) {
    ResourcePattern resource = new ResourcePattern(type, name, PatternType.LITERAL);
    return operations.stream()
        .map(
            operation ->
                new AclBinding(
                    resource,
                    new AccessControlEntry(principal, "*", operation, AclPermissionType.ALLOW)))
        .toList();
  }

  /** As arguments of Kafka's {@code kafka-acls.sh}. */
  public String arguments(String principal) {
    return "--add --allow-principal "
        + quoted(principal)
        + operations.stream()
            .map(operation -> " --operation " + operation.name().replace("_", ""))
            .collect(Collectors.joining())
        + " --"
        + type.name().toLowerCase(Locale.ROOT).replace('_', '-')
        + " "
        + quoted(name);
  }

  /** For a POSIX shell. */
  private static String quoted(String text) {
    return text.matches("[\\w.:=,/-]+") ? text : "'" + text.replace("'", "'\\''") + "'";
  }
}
