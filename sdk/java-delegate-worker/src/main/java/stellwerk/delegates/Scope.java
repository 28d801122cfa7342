package stellwerk.delegates;

import java.util.Collection;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import org.camunda.bpm.engine.delegate.VariableScope;
import org.camunda.bpm.engine.variable.VariableMap;
import org.camunda.bpm.engine.variable.Variables;
import org.camunda.bpm.engine.variable.value.TypedValue;

/** The variables of a task, and what a delegate has changed of them. Nothing reaches the engine before it completes. */
abstract class Scope implements VariableScope {
  private final Map<String, Object> seen = new LinkedHashMap<>();
  private final Map<String, Object> local = new LinkedHashMap<>();
  private final Set<String> set = new LinkedHashSet<>();
  private final Set<String> setLocal = new LinkedHashSet<>();
  private final Set<String> removed = new LinkedHashSet<>();

  Scope(Map<String, Object> variables) {
    seen.putAll(variables);
  }

  /** What was set, for where the variables are visible. */
  Map<String, Object> changed() {
    return chosen(seen, set);
  }

  /** What was set in the activity's own scope. */
  Map<String, Object> changedLocal() {
    return chosen(local, setLocal);
  }

  /** What was removed and not set again. */
  Set<String> removed() {
    return new LinkedHashSet<>(removed);
  }

  private static Map<String, Object> chosen(Map<String, Object> from, Set<String> names) {
    Map<String, Object> found = new LinkedHashMap<>();
    names.forEach(name -> found.put(name, from.get(name)));
    return found;
  }

  @Override
  public String getVariableScopeKey() {
    return "execution";
  }

  @Override
  public Map<String, Object> getVariables() {
    Map<String, Object> all = new LinkedHashMap<>(seen);
    all.putAll(local);
    return all;
  }

  @Override
  public VariableMap getVariablesTyped() {
    return Variables.fromMap(getVariables());
  }

  @Override
  public VariableMap getVariablesTyped(boolean deserializeValues) {
    return getVariablesTyped();
  }

  @Override
  public Map<String, Object> getVariablesLocal() {
    return new LinkedHashMap<>(local);
  }

  @Override
  public VariableMap getVariablesLocalTyped() {
    return Variables.fromMap(getVariablesLocal());
  }

  @Override
  public VariableMap getVariablesLocalTyped(boolean deserializeValues) {
    return getVariablesLocalTyped();
  }

  @Override
  public Object getVariable(String name) {
    return local.containsKey(name) ? local.get(name) : seen.get(name);
  }

  @Override
  public Object getVariableLocal(String name) {
    return local.get(name);
  }

  @Override
  public <T extends TypedValue> T getVariableTyped(String name) {
    return getVariablesTyped().getValueTyped(name);
  }

  @Override
  public <T extends TypedValue> T getVariableTyped(String name, boolean deserializeValue) {
    return getVariableTyped(name);
  }

  @Override
  public <T extends TypedValue> T getVariableLocalTyped(String name) {
    return getVariablesLocalTyped().getValueTyped(name);
  }

  @Override
  public <T extends TypedValue> T getVariableLocalTyped(String name, boolean deserializeValue) {
    return getVariableLocalTyped(name);
  }

  @Override
  public Set<String> getVariableNames() {
    return getVariables().keySet();
  }

  @Override
  public Set<String> getVariableNamesLocal() {
    return new HashSet<>(local.keySet());
  }

  @Override
  public void setVariable(String name, Object value) {
    if (local.containsKey(name)) {
      setVariableLocal(name, value);
      return;
    }
    seen.put(name, plain(value));
    set.add(name);
    removed.remove(name);
  }

  @Override
  public void setVariableLocal(String name, Object value) {
    local.put(name, plain(value));
    setLocal.add(name);
  }

  private static Object plain(Object value) {
    return value instanceof TypedValue typed ? typed.getValue() : value;
  }

  @Override
  public void setVariables(Map<String, ? extends Object> variables) {
    variables.forEach(this::setVariable);
  }

  @Override
  public void setVariablesLocal(Map<String, ? extends Object> variables) {
    variables.forEach(this::setVariableLocal);
  }

  @Override
  public boolean hasVariables() {
    return !getVariables().isEmpty();
  }

  @Override
  public boolean hasVariablesLocal() {
    return !local.isEmpty();
  }

  @Override
  public boolean hasVariable(String name) {
    return getVariables().containsKey(name);
  }

  @Override
  public boolean hasVariableLocal(String name) {
    return local.containsKey(name);
  }

  @Override
  public void removeVariable(String name) {
    if (local.containsKey(name)) {
      removeVariableLocal(name);
    } else if (seen.containsKey(name)) {
      seen.remove(name);
      set.remove(name);
      removed.add(name);
    }
  }

  @Override
  public void removeVariableLocal(String name) {
    local.remove(name);
    setLocal.remove(name);
  }

  @Override
  public void removeVariables(Collection<String> names) {
    names.forEach(this::removeVariable);
  }

  @Override
  public void removeVariablesLocal(Collection<String> names) {
    names.forEach(this::removeVariableLocal);
  }

  @Override
  public void removeVariables() {
    removeVariables(new HashSet<>(getVariables().keySet()));
  }

  @Override
  public void removeVariablesLocal() {
    removeVariablesLocal(new HashSet<>(local.keySet()));
  }
}
