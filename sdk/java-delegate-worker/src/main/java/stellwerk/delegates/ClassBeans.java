package stellwerk.delegates;

import java.io.IOException;
import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ConcurrentHashMap;

/** Beans by a file of {@code name=class}: one object each, made when it is first needed. */
public final class ClassBeans implements BeanSource {
  private final Map<String, String> classes = new ConcurrentHashMap<>();
  private final Map<String, Object> made = new ConcurrentHashMap<>();
  private final ClassLoader loader;

  /** Beans of these classes. */
  public ClassBeans(Map<String, String> classes, ClassLoader loader) {
    this.classes.putAll(classes);
    this.loader = loader;
  }

  /**
   * Reads a file in the format of Java properties.
   *
   * @throws IOException it can't be read
   */
  public static ClassBeans read(Path file, ClassLoader loader) throws IOException {
    Properties properties = new Properties();
    try (Reader reader = Files.newBufferedReader(file)) {
      properties.load(reader);
    }
    ClassBeans beans = new ClassBeans(Map.of(), loader);
    properties.stringPropertyNames().forEach(name -> beans.classes.put(name, properties.getProperty(name).trim()));
    return beans;
  }

  @Override
  public Object bean(String name) throws ReflectiveOperationException {
    String className = classes.get(name);
    if (className == null) {
      return null;
    }
    synchronized (made) {
      Object bean = made.get(name);
      if (bean == null) {
        bean = Class.forName(className, true, loader).getDeclaredConstructor().newInstance();
        made.put(name, bean);
      }
      return bean;
    }
  }
}
