package stellwerk.delegates;

import java.util.Map;

/** Fits values to the parameters of a method, as expressions do. */
final class Arguments {
  private static final Map<Class<?>, Class<?>> BOXES = Map.of(
      boolean.class, Boolean.class,
      byte.class, Byte.class,
      short.class, Short.class,
      int.class, Integer.class,
      long.class, Long.class,
      float.class, Float.class,
      double.class, Double.class,
      char.class, Character.class);

  private Arguments() {}

  /** The values as the parameters take them; {@code null} if they don't fit. */
  static Object[] fit(Class<?>[] parameters, Object[] values) {
    if (parameters.length != values.length) {
      return null;
    }
    Object[] fitted = new Object[values.length];
    for (int at = 0; at < values.length; at++) {
      Class<?> wanted = BOXES.getOrDefault(parameters[at], parameters[at]);
      Object value = values[at];
      if (value == null) {
        if (parameters[at].isPrimitive()) {
          return null;
        }
      } else if (wanted.isInstance(value)) {
        fitted[at] = value;
      } else if (value instanceof Number number && Number.class.isAssignableFrom(wanted)) {
        fitted[at] = number(number, wanted);
      } else if (wanted == String.class) {
        fitted[at] = value.toString();
      }
      if (value != null && fitted[at] == null) {
        return null;
      }
    }
    return fitted;
  }

  private static Number number(Number number, Class<?> wanted) {
    return switch (wanted.getSimpleName()) {
      case "Byte" -> number.byteValue();
      case "Short" -> number.shortValue();
      case "Integer" -> number.intValue();
      case "Long" -> number.longValue();
      case "Float" -> number.floatValue();
      case "Double" -> number.doubleValue();
      default -> null;
    };
  }
}
