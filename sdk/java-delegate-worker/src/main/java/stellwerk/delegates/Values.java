package stellwerk.delegates;

import com.google.gson.Gson;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.gson.JsonPrimitive;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collection;
import java.util.Date;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Variables as REST gives and takes them, and as Java has them. */
final class Values {
  private static final DateTimeFormatter DATE = DateTimeFormatter.ofPattern("yyyy-MM-dd'T'HH:mm:ss.SSSZ");
  private static final Gson GSON = new Gson();

  private final ClassLoader loader;

  /** @param loader finds the classes of serialized objects */
  Values(ClassLoader loader) {
    this.loader = loader;
  }

  /** The Java value of a typed value; an object whose class isn't there is what its JSON says. */
  Object toJava(JsonObject typed) {
    JsonElement value = typed.get("value");
    String type = typed.has("type") && !typed.get("type").isJsonNull() ? typed.get("type").getAsString() : "Null";
    if (value == null || value.isJsonNull()) {
      return null;
    }
    return switch (type) {
      case "Boolean" -> value.getAsBoolean();
      case "Short" -> value.getAsShort();
      case "Integer" -> value.getAsInt();
      case "Long" -> value.getAsLong();
      case "Double" -> value.getAsDouble();
      case "Date" -> Date.from(OffsetDateTime.parse(value.getAsString(), DATE).toInstant());
      case "Bytes", "File" -> Base64.getDecoder().decode(value.getAsString());
      case "Object" -> object(typed, value.getAsString());
      case "Null" -> null;
      default -> value.getAsString();
    };
  }

  private Object object(JsonObject typed, String text) {
    JsonElement info = typed.get("valueInfo");
    String name = info == null || info.isJsonNull() ? "" : text(info.getAsJsonObject(), "objectTypeName");
    String raw = name.contains("<") ? name.substring(0, name.indexOf('<')) : name;
    JsonElement json = JsonParser.parseString(text);
    if (!raw.startsWith("java.")) {
      try {
        return GSON.fromJson(json, Class.forName(raw, true, loader));
      } catch (ClassNotFoundException absent) {
        return plain(json);
      }
    }
    return plain(json);
  }

  private static String text(JsonObject object, String member) {
    JsonElement value = object.get(member);
    return value == null || value.isJsonNull() ? "" : value.getAsString();
  }

  /** JSON as maps, lists and plain values. */
  static Object plain(JsonElement json) {
    if (json.isJsonNull()) {
      return null;
    }
    if (json.isJsonArray()) {
      List<Object> items = new ArrayList<>();
      json.getAsJsonArray().forEach(item -> items.add(plain(item)));
      return items;
    }
    if (json.isJsonObject()) {
      Map<String, Object> entries = new LinkedHashMap<>();
      json.getAsJsonObject().entrySet().forEach(entry -> entries.put(entry.getKey(), plain(entry.getValue())));
      return entries;
    }
    JsonPrimitive value = json.getAsJsonPrimitive();
    if (value.isBoolean()) {
      return value.getAsBoolean();
    }
    return value.isString() ? value.getAsString() : number(value.getAsString());
  }

  private static Object number(String digits) {
    if (digits.matches("-?\\d{1,18}")) {
      long whole = Long.parseLong(digits);
      if (whole == (int) whole) {
        return (int) whole;
      }
      return whole;
    }
    return Double.valueOf(digits);
  }

  /** The typed value of a Java value; objects are serialized as JSON. */
  JsonObject toRest(Object value) {
    if (value == null) {
      return typed("Null", JsonNull.INSTANCE);
    }
    if (value instanceof Boolean truth) {
      return typed("Boolean", new JsonPrimitive(truth));
    }
    if (value instanceof Number number && primitive(number) != null) {
      return typed(primitive(number), new JsonPrimitive(number));
    }
    if (value instanceof String || value instanceof Character) {
      return typed("String", new JsonPrimitive(value.toString()));
    }
    if (value instanceof Date date) {
      return typed("Date", new JsonPrimitive(DATE.format(date.toInstant().atOffset(ZoneOffset.UTC))));
    }
    if (value instanceof byte[] bytes) {
      return typed("Bytes", new JsonPrimitive(Base64.getEncoder().encodeToString(bytes)));
    }
    JsonObject object = typed("Object", new JsonPrimitive(json(value).toString()));
    JsonObject info = new JsonObject();
    info.addProperty("objectTypeName", typeName(value));
    info.addProperty("serializationDataFormat", "application/json");
    object.add("valueInfo", info);
    return object;
  }

  private static String primitive(Number number) {
    return switch (number.getClass().getSimpleName()) {
      case "Short", "Integer", "Long", "Double" -> number.getClass().getSimpleName();
      case "Float" -> "Double";
      case "Byte" -> "Short";
      default -> null;
    };
  }

  private static JsonElement json(Object value) {
    if (value instanceof Collection<?> items) {
      JsonArray array = new JsonArray();
      items.forEach(item -> array.add(json(item)));
      return array;
    }
    if (value instanceof Map<?, ?> entries) {
      JsonObject object = new JsonObject();
      entries.forEach((key, item) -> object.add(String.valueOf(key), json(item)));
      return object;
    }
    if (value instanceof Date date) {
      return new JsonPrimitive(date.getTime());
    }
    return GSON.toJsonTree(value);
  }

  private static String typeName(Object value) {
    String own = value.getClass().getName();
    if (value instanceof Collection<?> items) {
      Object first = items.isEmpty() ? null : items.iterator().next();
      return (own.startsWith("java.util.") && !own.contains("$") && !own.contains("Immutable") ? own : "java.util.ArrayList")
          + "<" + (first == null ? "java.lang.Object" : typeName(first)) + ">";
    }
    if (value instanceof Map<?, ?>) {
      return (own.startsWith("java.util.") && !own.contains("$") && !own.contains("Immutable") ? own : "java.util.HashMap")
          + "<java.lang.Object,java.lang.Object>";
    }
    return own;
  }

  private static JsonObject typed(String type, JsonElement value) {
    JsonObject object = new JsonObject();
    object.addProperty("type", type);
    object.add("value", value);
    return object;
  }
}
