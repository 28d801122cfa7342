package stellwerk.delegates;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.lang.reflect.Field;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.camunda.bpm.engine.delegate.Expression;
import org.camunda.bpm.engine.delegate.JavaDelegate;

/** Runs the code that a task names. */
final class Runner {
  private static final String FIELD = "java.field.";
  private static final String ARGUMENTS = "java.arguments";
  private static final Pattern BEAN = Pattern.compile("\\s*[$#]\\{\\s*([\\p{L}_][\\p{L}\\p{N}_]*)\\s*}\\s*");

  private final ClassLoader loader;
  private final BeanSource beans;
  private final Values values;

  /** @param loader finds the delegates' classes */
  Runner(ClassLoader loader, BeanSource beans) {
    this.loader = loader;
    this.beans = beans;
    this.values = new Values(loader);
  }

  Values values() {
    return values;
  }

  /** Runs a task's code. What it throws comes out as it is. */
  TaskExecution run(Task task) throws Exception {
    Map<String, Object> variables = new LinkedHashMap<>();
    Map<String, Object> fields = new LinkedHashMap<>();
    String arguments = null;
    for (Map.Entry<String, JsonElement> variable : task.variables().entrySet()) {
      String name = variable.getKey();
      JsonObject typed = variable.getValue().getAsJsonObject();
      if (name.equals(ARGUMENTS)) {
        arguments = typed.get("value").getAsString();
      } else if (name.startsWith(FIELD)) {
        fields.put(name.substring(FIELD.length()), values.toJava(typed));
      } else {
        variables.put(name, values.toJava(typed));
      }
    }
    Map<String, String> properties = task.properties();
    properties.forEach((name, value) -> {
      if (name.startsWith(FIELD)) {
        fields.putIfAbsent(name.substring(FIELD.length()), value);
      }
    });
    TaskExecution execution = new TaskExecution(task, variables);
    if (properties.containsKey("java.bean")) {
      call(properties, arguments, execution);
    } else {
      Object code = code(properties);
      if (!(code instanceof JavaDelegate delegate)) {
        throw new IllegalArgumentException(code.getClass().getName() + " is no " + JavaDelegate.class.getName());
      }
      inject(code, fields);
      delegate.execute(execution);
    }
    return execution;
  }

  private Object code(Map<String, String> properties) throws Exception {
    String className = properties.get("java.class");
    if (className != null) {
      return Class.forName(className, true, loader).getDeclaredConstructor().newInstance();
    }
    String expression = properties.get("java.delegateExpression");
    if (expression == null) {
      throw new IllegalArgumentException(
          "the task names no Java code: its extension properties are " + properties.keySet());
    }
    Matcher name = BEAN.matcher(expression);
    return bean(name.matches() ? name.group(1) : expression);
  }

  private Object bean(String name) throws Exception {
    Object bean = beans.bean(name);
    if (bean == null) {
      throw new IllegalArgumentException("there is no bean '" + name + "'");
    }
    return bean;
  }

  /** Sets fields as the reference does: by setter, else the field itself. */
  private static void inject(Object target, Map<String, Object> fields) throws ReflectiveOperationException {
    for (Map.Entry<String, Object> entry : fields.entrySet()) {
      String name = entry.getKey();
      FixedValue value = new FixedValue(entry.getValue());
      String setter = "set" + Character.toUpperCase(name.charAt(0)) + name.substring(1);
      Method method = setter(target.getClass(), setter);
      if (method != null) {
        method.invoke(target, method.getParameterTypes()[0] == Expression.class ? value : entry.getValue());
        continue;
      }
      Field field = field(target.getClass(), name);
      if (field == null) {
        throw new IllegalArgumentException("Field definition uses non-existing field '" + name + "' on class "
            + target.getClass().getName());
      }
      field.setAccessible(true);
      field.set(target, field.getType() == Expression.class ? value : entry.getValue());
    }
  }

  private static Method setter(Class<?> type, String name) {
    for (Method method : type.getMethods()) {
      if (method.getName().equals(name) && method.getParameterCount() == 1) {
        return method;
      }
    }
    return null;
  }

  private static Field field(Class<?> type, String name) {
    for (Class<?> at = type; at != null; at = at.getSuperclass()) {
      for (Field field : at.getDeclaredFields()) {
        if (field.getName().equals(name) && !Modifier.isStatic(field.getModifiers())) {
          return field;
        }
      }
    }
    return null;
  }

  /** Calls a method of a bean; what it returns is set as the result variable, if the model names one. */
  private void call(Map<String, String> properties, String arguments, TaskExecution execution) throws Exception {
    Object bean = bean(properties.get("java.bean"));
    var given = JsonParser.parseString(arguments == null ? "[]" : arguments).getAsJsonArray();
    Object[] values = new Object[given.size()];
    for (int at = 0; at < values.length; at++) {
      JsonObject argument = given.get(at).getAsJsonObject();
      values[at] = argument.has("bean") ? execution : argument(argument);
    }
    String name = properties.get("java.method");
    for (Method method : bean.getClass().getMethods()) {
      Object[] fitted = method.getName().equals(name) ? Arguments.fit(method.getParameterTypes(), values) : null;
      if (fitted == null) {
        continue;
      }
      Object result;
      try {
        method.setAccessible(true);
        result = method.invoke(bean, fitted);
      } catch (InvocationTargetException thrown) {
        throw thrown.getCause() instanceof Exception cause ? cause : thrown;
      }
      String variable = properties.get("java.resultVariable");
      if (variable != null) {
        execution.setVariable(variable, result);
      }
      return;
    }
    throw new NoSuchMethodException(bean.getClass().getName() + "." + name + " with " + values.length + " arguments");
  }

  /** An argument as the engine sends it: type and value, dates as milliseconds, collections as JSON. */
  private static Object argument(JsonObject argument) {
    JsonElement value = argument.get("value");
    return switch (argument.get("type").getAsString()) {
      case "Date" -> new java.util.Date(value.getAsLong());
      case "Long" -> value.getAsLong();
      case "Short" -> value.getAsShort();
      case "Double" -> value.getAsDouble();
      default -> Values.plain(value);
    };
  }
}
