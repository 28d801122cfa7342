package stellwerk.delegates;

import java.io.File;
import java.net.MalformedURLException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;

/** The command: reads options and works until it is stopped. */
public final class Main {
  private static final String USAGE = """
      java -jar java-delegate-worker.jar --topics TOPIC,… [OPTION VALUE]…
        --url URL              the REST root (http://localhost:8080/engine-rest)
        --topics TOPIC,…       topics to fetch
        --classpath PATH       jars and directories with the delegates and what they need
        --beans FILE           name=class for delegate expressions and bean calls
        --bean-source CLASS    a stellwerk.delegates.BeanSource instead
        --threads N            tasks side by side (4)
        --lock-duration MS     how long a task is locked (60000); extended while it runs
        --retries N            tries after the first failure (3)
        --retry-wait MS        wait before the first of them (10000); it doubles
        --worker-id NAME       name of this worker (a random one)
        --user USER            user for basic authentication
        --password-file FILE   the user's password
      """;

  private Main() {}

  /** Runs the worker. */
  public static void main(String[] arguments) throws Exception {
    Map<String, String> options;
    try {
      options = options(arguments);
    } catch (IllegalArgumentException wrong) {
      System.err.println(wrong.getMessage());
      System.err.print(USAGE);
      System.exit(2);
      return;
    }
    ClassLoader loader = loader(options.get("classpath"));
    Thread.currentThread().setContextClassLoader(loader);
    String worker = options.getOrDefault("worker-id", "java-" + UUID.randomUUID());
    String url = options.getOrDefault("url", "http://localhost:8080/engine-rest");
    Worker.Settings settings = new Worker.Settings(
        List.of(options.get("topics").split(",")),
        Integer.parseInt(options.getOrDefault("threads", "4")),
        Long.parseLong(options.getOrDefault("lock-duration", "60000")),
        Integer.parseInt(options.getOrDefault("retries", "3")),
        Long.parseLong(options.getOrDefault("retry-wait", "10000")));
    EngineClient engine = new EngineClient(url, worker, credentials(options));
    Worker running = new Worker(engine, new Runner(loader, beans(options, loader)), settings);
    Thread main = Thread.currentThread();
    Runtime.getRuntime().addShutdownHook(new Thread(() -> {
      try {
        running.close();
      } catch (InterruptedException stopped) {
        main.interrupt();
      }
    }));
    System.out.println(worker + " fetches " + options.get("topics") + " from " + url);
    running.work();
  }

  private static Map<String, String> options(String[] arguments) {
    Map<String, String> options = new LinkedHashMap<>();
    for (int at = 0; at < arguments.length; at += 2) {
      String name = arguments[at];
      if (!name.startsWith("--") || !USAGE.contains("  " + name + " ")) {
        throw new IllegalArgumentException("unknown option " + name);
      }
      if (at + 1 == arguments.length) {
        throw new IllegalArgumentException(name + " needs a value");
      }
      options.put(name.substring(2), arguments[at + 1]);
    }
    if (!options.containsKey("topics")) {
      throw new IllegalArgumentException("--topics is missing");
    }
    return options;
  }

  private static ClassLoader loader(String path) throws MalformedURLException {
    List<URL> urls = new ArrayList<>();
    if (path != null) {
      for (String part : path.split(File.pathSeparator)) {
        urls.add(Path.of(part).toUri().toURL());
      }
    }
    return new URLClassLoader(urls.toArray(URL[]::new), Main.class.getClassLoader());
  }

  private static BeanSource beans(Map<String, String> options, ClassLoader loader) throws Exception {
    String source = options.get("bean-source");
    if (source != null) {
      return (BeanSource) Class.forName(source, true, loader).getDeclaredConstructor().newInstance();
    }
    String file = options.get("beans");
    return file == null ? new ClassBeans(Map.of(), loader) : ClassBeans.read(Path.of(file), loader);
  }

  private static String credentials(Map<String, String> options) throws java.io.IOException {
    String user = options.get("user");
    if (user == null) {
      return null;
    }
    String file = options.get("password-file");
    return user + ":" + (file == null ? "" : Files.readString(Path.of(file)).strip());
  }
}
