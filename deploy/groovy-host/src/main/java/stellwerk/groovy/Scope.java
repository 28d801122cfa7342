package stellwerk.groovy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import groovy.lang.MissingMethodException;
import groovy.lang.MissingPropertyException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Date;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import javax.script.Bindings;

/** {@code execution}, {@code task} and the variables of one call; what the script does to them is collected. */
final class Scope {
  /** A variable was touched whose value isn't in the call. */
  static final class Missing extends RuntimeException {
    final String name;

    Missing(String name) {
      super(name);
      this.name = name;
    }
  }

  private static final Object MISSING = new Object();
  private static final Set<String> TASK_FIELDS =
      Set.of("name", "description", "assignee", "owner", "priority", "dueDate", "followUpDate");

  private final JsonNode call;
  private final Map<String, Object> own = new LinkedHashMap<>();
  private final Map<String, Object> outer = new LinkedHashMap<>();
  /** Lists and maps as they were, to notice changes in place. */
  private final Map<String, JsonNode> before = new LinkedHashMap<>();
  private final List<Effect> effects = new ArrayList<>();

  private record Effect(String kind, String name, boolean local, Object value) {}

  Scope(JsonNode call) {
    this.call = call;
    for (JsonNode variable : call.get("variables")) {
      String name = variable.get("name").asText();
      boolean missing = variable.path("missing").asBoolean();
      Object value = missing ? MISSING : Values.read(variable.get("value"));
      (variable.path("local").asBoolean() ? own : outer).put(name, value);
      if (value instanceof Collection<?> || value instanceof Map<?, ?>) {
        before.put(name, Values.written(value).get("value"));
      }
    }
  }

  /** Makes the variables and objects of the engine visible. */
  void bind(Bindings bindings) {
    for (Map<String, Object> variables : List.of(outer, own)) {
      variables.forEach((name, value) -> {
        if (value != MISSING) {
          bindings.put(name, value);
        } else if (call.get("source").asText().contains(name)) {
          throw new Missing(name);
        }
      });
    }
    if (call.path("connector").asBoolean()) {
      bindings.put("connector", new Bean("connector", Host.JSON.createObjectNode()));
    } else if (call.hasNonNull("task")) {
      bindings.put("task", new Bean("task", (ObjectNode) call.get("task")));
    } else {
      bindings.put("execution", new Bean("execution", (ObjectNode) call.get("execution")));
    }
  }

  /** What the script did, in order. */
  ArrayNode effects() {
    ArrayNode told = Host.JSON.createArrayNode();
    Set<String> set = new LinkedHashSet<>();
    for (Effect effect : effects) {
      ObjectNode one = told.addObject().put("kind", effect.kind);
      if (effect.kind.equals("task")) {
        one.put("field", effect.name).set("value", Values.written(effect.value));
        continue;
      }
      if (effect.kind.equals("businessKey")) {
        one.put("value", effect.name);
        continue;
      }
      one.put("name", effect.name).put("local", effect.local);
      if (effect.kind.equals("set")) {
        set.add(effect.name);
        one.set("value", Values.written(effect.value));
      }
    }
    before.forEach((name, text) -> {
      Map<String, Object> variables = own.containsKey(name) ? own : outer;
      Object value = variables.get(name);
      if (value != null && !set.contains(name)) {
        ObjectNode written = Values.written(value);
        if (!written.get("value").equals(text)) {
          told.addObject().put("kind", "set").put("name", name).put("local", variables == own).set("value", written);
        }
      }
    });
    return told;
  }

  private Map<String, Object> holder(String name) {
    return own.containsKey(name) ? own : outer.containsKey(name) ? outer : null;
  }

  private static Object value(Map<String, Object> variables, String name) {
    Object value = variables == null ? null : variables.get(name);
    if (value == MISSING) {
      throw new Missing(name);
    }
    return value;
  }

  /** An object of the engine: its variables, its facts by getters and as properties, a task's setters. */
  public final class Bean {
    private final String kind;
    private final ObjectNode facts;

    Bean(String kind, ObjectNode facts) {
      this.kind = kind;
      this.facts = facts;
    }

    public Object getVariable(String name) {
      return value(holder(name), name);
    }

    public Object getVariableLocal(String name) {
      return value(own, name);
    }

    public boolean hasVariable(String name) {
      return holder(name) != null;
    }

    public boolean hasVariableLocal(String name) {
      return own.containsKey(name);
    }

    public void setVariable(String name, Object value) {
      Map<String, Object> variables = holder(name);
      (variables == null ? outer : variables).put(name, value);
      effects.add(new Effect("set", name, false, value));
    }

    public void setVariableLocal(String name, Object value) {
      own.put(name, value);
      effects.add(new Effect("set", name, true, value));
    }

    public void setVariables(Map<String, ?> values) {
      values.forEach(this::setVariable);
    }

    public void setVariablesLocal(Map<String, ?> values) {
      values.forEach(this::setVariableLocal);
    }

    public void removeVariable(String name) {
      Map<String, Object> variables = holder(name);
      if (variables != null) {
        variables.remove(name);
        effects.add(new Effect("remove", name, false, null));
      }
    }

    public void removeVariableLocal(String name) {
      if (own.containsKey(name)) {
        own.remove(name);
        effects.add(new Effect("remove", name, true, null));
      }
    }

    public void removeVariables(Collection<String> names) {
      names.forEach(this::removeVariable);
    }

    public Map<String, Object> getVariables() {
      Map<String, Object> all = new LinkedHashMap<>(outer);
      all.putAll(own);
      all.replaceAll((name, held) -> value(holder(name), name));
      return all;
    }

    public Map<String, Object> getVariablesLocal() {
      Map<String, Object> all = new LinkedHashMap<>(own);
      all.replaceAll((name, held) -> value(own, name));
      return all;
    }

    public Set<String> getVariableNames() {
      Set<String> names = new LinkedHashSet<>(own.keySet());
      names.addAll(outer.keySet());
      return names;
    }

    /** The execution that a task belongs to; it has the same variables. */
    public Bean getExecution() {
      return new Bean("execution", (ObjectNode) call.get("execution"));
    }

    private Object fact(String name) {
      JsonNode fact = facts.path(name);
      boolean date = kind.equals("task") && Set.of("dueDate", "followUpDate", "createTime", "lastUpdated").contains(name);
      if (fact.isNull() || fact.isMissingNode()) {
        return null;
      }
      return date ? new Date(fact.asLong()) : fact.isTextual() ? fact.asText() : fact.isInt() ? fact.asInt() : fact.asBoolean();
    }

    public Object propertyMissing(String name) {
      if (facts.has(name)) {
        return fact(name);
      }
      throw new MissingPropertyException(name, Bean.class);
    }

    public void propertyMissing(String name, Object value) {
      if (kind.equals("execution") && name.equals("processBusinessKey")) {
        setBusinessKey(value);
        return;
      }
      if (!kind.equals("task") || !TASK_FIELDS.contains(name)) {
        throw new MissingPropertyException(name, Bean.class);
      }
      set(name, value);
    }

    public Object methodMissing(String method, Object given) {
      Object[] args = (Object[]) given;
      String field = method.length() < 4 ? "" : Character.toLowerCase(method.charAt(3)) + method.substring(4);
      if (method.startsWith("get") && args.length == 0 && facts.has(field)) {
        return fact(field);
      }
      if (kind.equals("execution") && method.matches("set(Process)?BusinessKey") && args.length == 1) {
        // The key of an execution that isn't the instance's shows nowhere.
        if (method.startsWith("setProcess") || facts.path("id").equals(facts.path("processInstanceId"))) {
          setBusinessKey(args[0]);
        }
        return null;
      }
      if (kind.equals("task") && args.length == 1) {
        if (method.startsWith("set") && TASK_FIELDS.contains(field)) {
          set(field, args[0]);
          return null;
        }
        if (method.matches("(add|delete)Candidate(User|Group)")) {
          effects.add(new Effect("task", method, false, String.valueOf(args[0])));
          return null;
        }
        if (method.matches("addCandidate(User|Group)s") && args[0] instanceof Collection<?> many) {
          String one = method.substring(0, method.length() - 1);
          many.forEach(id -> effects.add(new Effect("task", one, false, String.valueOf(id))));
          return null;
        }
      }
      throw new MissingMethodException(method, Bean.class, args);
    }

    private void setBusinessKey(Object value) {
      String key = value == null ? null : String.valueOf(value);
      facts.put("processBusinessKey", key);
      effects.add(new Effect("businessKey", key, false, null));
    }

    private void set(String field, Object value) {
      facts.set(field, value instanceof Date date ? facts.numberNode(date.getTime()) : Host.JSON.valueToTree(value));
      effects.add(new Effect("task", field, false, value instanceof CharSequence ? value.toString() : value));
    }

    @Override
    public String toString() {
      String id = facts.path("id").asText();
      boolean instance = id.equals(facts.path("processInstanceId").asText());
      return (kind.equals("task") ? "Task[" : instance ? "ProcessInstance[" : "Execution[") + id + "]";
    }
  }
}
