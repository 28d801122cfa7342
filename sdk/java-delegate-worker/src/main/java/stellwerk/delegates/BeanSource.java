package stellwerk.delegates;

/**
 * Where the beans of delegate expressions and bean calls come from. The worker has one that reads names and classes
 * from a file; an application with a container of its own, such as Spring, gives its class with {@code --bean-source}.
 * It needs a public constructor without parameters.
 */
public interface BeanSource {
  /**
   * The bean of that name.
   *
   * @return {@code null} if there is none
   * @throws Exception it can't be made
   */
  Object bean(String name) throws Exception;
}
