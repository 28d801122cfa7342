package stellwerk.delegates;

import org.camunda.bpm.engine.delegate.Expression;
import org.camunda.bpm.engine.delegate.VariableScope;

/** The value of an injected field, which the engine has evaluated. */
final class FixedValue implements Expression {
  private final Object value;

  FixedValue(Object value) {
    this.value = value;
  }

  @Override
  public Object getValue(VariableScope variableScope) {
    return value;
  }

  @Override
  public void setValue(Object newValue, VariableScope variableScope) {
    throw new UnsupportedOperationException("the value of a field can't be changed");
  }

  @Override
  public String getExpressionText() {
    return String.valueOf(value);
  }

  @Override
  public boolean isLiteralText() {
    return true;
  }
}
