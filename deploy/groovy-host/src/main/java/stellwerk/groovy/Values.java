package stellwerk.groovy;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Base64;
import java.util.Collection;
import java.util.Date;
import java.util.List;
import java.util.Map;
import org.camunda.bpm.engine.variable.value.TypedValue;
import org.camunda.spin.Spin;
import org.camunda.spin.json.SpinJsonNode;
import org.camunda.spin.xml.SpinXmlElement;

/** Values of variables: as the protocol has them, and as scripts see them. */
final class Values {
  private Values() {}

  /** A serialized object of a class that isn't here: it can be passed on, no more. */
  record Opaque(JsonNode wire) {
    @Override
    public String toString() {
      return wire.path("value").asText();
    }
  }

  /** The value that a script sees. */
  static Object read(JsonNode wire) {
    JsonNode value = wire.path("value");
    return switch (wire.path("type").asText()) {
      case "Boolean" -> value.asBoolean();
      case "Short" -> (short) value.asInt();
      case "Integer" -> value.asInt();
      case "Long" -> value.asLong();
      case "Double" -> Double.valueOf(value.asText());
      case "String" -> value.asText();
      case "Date" -> new Date(value.asLong());
      case "Bytes" -> Base64.getDecoder().decode(value.asText());
      case "Json" -> Spin.JSON(value.asText());
      case "Xml" -> Spin.XML(value.asText());
      case "Object" -> object(wire);
      default -> null;
    };
  }

  private static Object object(JsonNode wire) {
    String type = wire.path("typeName").asText();
    String name = type.contains("<") ? type.substring(0, type.indexOf('<')) : type;
    if (!wire.path("format").asText().contains("json") || !name.startsWith("java.")) {
      return new Opaque(wire);
    }
    try {
      return Host.JSON.readValue(wire.path("value").asText(), Class.forName(name));
    } catch (ClassNotFoundException | JsonProcessingException unknown) {
      return new Opaque(wire);
    }
  }

  /** A script's value as the engine stores it. */
  static ObjectNode written(Object value) {
    ObjectNode wire = Host.JSON.createObjectNode();
    if (value == null) {
      return wire.put("type", "Null");
    }
    if (value instanceof TypedValue typed) {
      return written(typed.getValue());
    }
    if (value instanceof Opaque opaque) {
      return opaque.wire().deepCopy();
    }
    if (value instanceof Boolean truth) {
      return wire.put("type", "Boolean").put("value", truth);
    }
    if (value instanceof Short || value instanceof Integer || value instanceof Long) {
      return wire.put("type", value.getClass().getSimpleName()).put("value", ((Number) value).longValue());
    }
    if (value instanceof Double) {
      return wire.put("type", "Double").put("value", value.toString());
    }
    if (value instanceof String text) {
      return wire.put("type", "String").put("value", text);
    }
    if (value instanceof Date date) {
      return wire.put("type", "Date").put("value", date.getTime());
    }
    if (value instanceof byte[] bytes) {
      return wire.put("type", "Bytes").put("value", Base64.getEncoder().encodeToString(bytes));
    }
    if (value instanceof SpinJsonNode json) {
      return wire.put("type", "Json").put("value", json.toString());
    }
    wire.put("type", "Object").put("format", "application/json").put("typeName", typeName(value));
    // The reference's serializer of objects sees Spin's elements as beans.
    return wire.put("value", value instanceof SpinXmlElement ? "{\"dataFormatName\":\"application/xml\"}" : json(value));
  }

  private static String json(Object value) {
    try {
      return Host.JSON.writeValueAsString(value);
    } catch (JsonProcessingException unknown) {
      throw new IllegalArgumentException(
          "Cannot serialize object: SPIN/JACKSON-JSON-01009 Unable to map object '" + value + "' to json node", unknown);
    }
  }

  /** The type the reference writes: a list by its first element. */
  private static String typeName(Object value) {
    String name = value.getClass().getName();
    if (value instanceof List<?> list) {
      return name + "<" + (list.isEmpty() ? "java.lang.Object" : typeName(list.get(0))) + ">";
    }
    if (value instanceof Collection<?>) {
      return name + "<java.lang.Object>";
    }
    return value instanceof Map<?, ?> ? name + "<java.lang.Object,java.lang.Object>" : name;
  }
}
