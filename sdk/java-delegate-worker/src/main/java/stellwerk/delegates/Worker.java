package stellwerk.delegates;

import com.google.gson.JsonObject;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.camunda.bpm.engine.delegate.BpmnError;

/** Fetches tasks and runs their code, until it is stopped. */
final class Worker implements AutoCloseable {
  private static final Logger LOG = System.getLogger(Worker.class.getName());
  /** Longest pause between tries of the engine or of a task, in milliseconds. */
  private static final long LONGEST_WAIT = TimeUnit.MINUTES.toMillis(15);

  private final EngineClient engine;
  private final Runner runner;
  private final Settings settings;
  private final Semaphore free;
  private final ExecutorService threads;
  private final ScheduledExecutorService clock = Executors.newSingleThreadScheduledExecutor();
  private volatile boolean stopping;

  /**
   * @param topics what it fetches
   * @param threads tasks it runs side by side
   * @param lockMillis how long a task is locked; the lock of a task that takes longer is extended
   * @param retries how often a task that fails is tried again
   * @param retryMillis the wait before the first retry; it doubles
   */
  record Settings(Collection<String> topics, int threads, long lockMillis, int retries, long retryMillis) {}

  Worker(EngineClient engine, Runner runner, Settings settings) {
    this.engine = engine;
    this.runner = runner;
    this.settings = settings;
    this.free = new Semaphore(settings.threads());
    this.threads = Executors.newFixedThreadPool(settings.threads());
  }

  /** Works until it is stopped. An engine that can't be reached is tried again, at growing intervals. */
  void work() throws InterruptedException {
    long wait = 100;
    while (!stopping) {
      free.acquire();
      int slots = 1 + free.drainPermits();
      int taken = 0;
      try {
        List<Task> tasks = engine.fetch(settings.topics(), slots, settings.lockMillis());
        for (Task task : tasks) {
          taken++;
          threads.execute(() -> {
            try {
              handle(task);
            } finally {
              free.release();
            }
          });
        }
        wait = 100;
      } catch (IOException trouble) {
        if (!stopping) {
          LOG.log(Level.WARNING, "the engine can't be asked for tasks: " + trouble.getMessage());
          Thread.sleep(wait);
          wait = Math.min(wait * 2, 30_000);
        }
      } finally {
        free.release(slots - taken);
      }
    }
  }

  /** Runs one task and tells the engine what came of it. */
  void handle(Task task) {
    ScheduledFuture<?> keeper = clock.scheduleAtFixedRate(
        () -> extend(task), settings.lockMillis() / 2, settings.lockMillis() / 2, TimeUnit.MILLISECONDS);
    try {
      TaskExecution execution = runner.run(task);
      keeper.cancel(false);
      if (!execution.removed().isEmpty()) {
        engine.remove(task, execution.removed());
      }
      engine.complete(task, rest(execution.changed()), rest(execution.changedLocal()));
    } catch (BpmnError error) {
      keeper.cancel(false);
      tell(task, () -> engine.bpmnError(task, error.getErrorCode(), error.getMessage(), new JsonObject()));
    } catch (InterruptedException stopped) {
      Thread.currentThread().interrupt();
    } catch (Exception | LinkageError failure) {
      keeper.cancel(false);
      fail(task, failure);
    } finally {
      keeper.cancel(false);
    }
  }

  private void fail(Task task, Throwable failure) {
    int retries = task.retries() == null ? settings.retries() : Math.max(0, task.retries() - 1);
    long tried = Math.max(0, settings.retries() - retries);
    long wait = Math.min(LONGEST_WAIT, settings.retryMillis() << Math.min(tried, 20));
    StringWriter trace = new StringWriter();
    failure.printStackTrace(new PrintWriter(trace));
    String message = failure.getMessage() == null ? failure.getClass().getName() : failure.getMessage();
    LOG.log(Level.WARNING, "task " + task.id() + " of " + task.text("activityId") + " failed: " + failure);
    tell(task, () -> engine.failure(task, message, trace.toString(), retries, wait));
  }

  private interface Call {
    void run() throws IOException, InterruptedException;
  }

  /** A report that doesn't arrive costs the lock's time: the engine then hands the task out again. */
  private static void tell(Task task, Call call) {
    try {
      call.run();
    } catch (IOException trouble) {
      LOG.log(Level.WARNING, "task " + task.id() + ": " + trouble.getMessage());
    } catch (InterruptedException stopped) {
      Thread.currentThread().interrupt();
    }
  }

  private void extend(Task task) {
    tell(task, () -> engine.extendLock(task, settings.lockMillis()));
  }

  private JsonObject rest(Map<String, Object> variables) {
    JsonObject all = new JsonObject();
    variables.forEach((name, value) -> all.add(name, runner.values().toRest(value)));
    return all;
  }

  /** Fetches no more tasks, and waits for those that run. */
  @Override
  public void close() throws InterruptedException {
    stopping = true;
    threads.shutdown();
    threads.awaitTermination(settings.lockMillis(), TimeUnit.MILLISECONDS);
    clock.shutdownNow();
  }
}
