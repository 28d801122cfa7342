package stellwerk.delegates;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.util.LinkedHashMap;
import java.util.Map;

/** An external task as the engine hands it out. */
final class Task {
  private final JsonObject json;
  private final Map<String, String> properties = new LinkedHashMap<>();

  Task(JsonObject json) {
    this.json = json;
    JsonElement given = json.get("extensionProperties");
    if (given != null && given.isJsonObject()) {
      given.getAsJsonObject().entrySet().forEach(entry -> properties.put(entry.getKey(), entry.getValue().getAsString()));
    }
  }

  /** A text member; {@code null} if it is absent. */
  String text(String member) {
    JsonElement value = json.get(member);
    return value == null || value.isJsonNull() ? null : value.getAsString();
  }

  String id() {
    return text("id");
  }

  /** How often it may still be tried; {@code null} if it has never failed. */
  Integer retries() {
    JsonElement value = json.get("retries");
    return value == null || value.isJsonNull() ? null : value.getAsInt();
  }

  /** The variables as REST gives them: name, and type and value. */
  JsonObject variables() {
    JsonElement value = json.get("variables");
    return value == null || value.isJsonNull() ? new JsonObject() : value.getAsJsonObject();
  }

  /** What the model says besides. */
  Map<String, String> properties() {
    return properties;
  }
}
