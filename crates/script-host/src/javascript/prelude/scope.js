// `execution`, `task`, `print` and the variables of one call; what the script did is collected in `effects`.
function start(call) {
  const effects = [];
  const outer = new Map(), own = new Map(), changed = new Set();
  for (const { name, value, local, missing } of call.variables) (local ? own : outer).set(name, missing ? MISSING : lazily(value));
  const holder = name => (own.has(name) ? own : outer.has(name) ? outer : undefined);
  const read = (variables, name) => {
    const slot = variables.get(name);
    if (slot === MISSING) throw new NeedsVariable(name);
    if (slot instanceof Lazy) slot.made || (slot.made = { value: fromWire(slot.wire) });
    return slot instanceof Lazy ? slot.made.value : slot;
  };
  const typedOut = value => (value instanceof TypedValue ? value.inner : value);
  const write = (name, value, local) => {
    checkName(name);
    (local ? own : holder(name) || outer).set(name, typedOut(value));
    effects.push({ kind: 'set', name, local, held: value });
  };
  const remove = (name, local) => {
    const variables = local ? own : holder(name);
    if (variables && variables.delete(name)) effects.push({ kind: 'remove', name, local });
  };
  const names = variables => [...new Set(variables.flatMap(v => [...v.keys()]))];
  const asMap = variables => {
    const map = javaMap('org.camunda.bpm.engine.variable.impl.VariableMapImpl', []);
    for (const name of names(variables)) map.put(name, read(variables.find(v => v.has(name)), name));
    return map;
  };
  const asNames = variables => JavaList.of('java.util.HashSet', names(variables));
  const get = name => { checkName(name); const variables = holder(name); return variables ? read(variables, name) : null; };
  const getLocal = name => (own.has(name) ? read(own, name) : null);
  const scope = {
    getVariable: get, getVariableLocal: getLocal,
    getVariableTyped: name => (holder(name) ? new TypedValue(null, get(name)) : null), getVariableLocalTyped: name => (own.has(name) ? new TypedValue(null, getLocal(name)) : null),
    hasVariable: name => !!holder(name), hasVariableLocal: name => own.has(name), hasVariables: () => own.size + outer.size > 0, hasVariablesLocal: () => own.size > 0,
    setVariable: (...args) => { arity('setVariable', 2, args); write(args[0], args[1], false); }, setVariableLocal: (...args) => { arity('setVariableLocal', 2, args); write(args[0], args[1], true); },
    setVariables: map => { for (const [k, v] of entriesOf(map)) write(k, v, false); }, setVariablesLocal: map => { for (const [k, v] of entriesOf(map)) write(k, v, true); },
    removeVariable: name => remove(name, false), removeVariableLocal: name => remove(name, true),
    removeVariables: list => { for (const name of list ? plain(list) : names([own])) remove(name, false); }, removeVariablesLocal: list => { for (const name of list ? plain(list) : names([own])) remove(name, true); },
    getVariables: () => asMap([own, outer]), getVariablesLocal: () => asMap([own]), getVariablesTyped: () => asMap([own, outer]),
    getVariableNames: () => asNames([own, outer]), getVariableNamesLocal: () => asNames([own]),
  };
  const arity = (name, least, args) => {
    if (args.length < least) throw new TypeError('invokeMember (' + name + ') on ' + (call.task ? TASK : EXECUTION) + ' failed due to: Arity error - expected: ' + least + '-' + (least + 1) + ' actual: ' + args.length);
  };
  const services = what => () => { throw new JavaError('org.camunda.bpm.engine.ProcessEngineException', what + ": the services of the process engine can't be used by scripts here"); };
  const facts = call.execution;
  const execution = bean(EXECUTION, {
    ...scope, ...getters(facts), getVariableScopeKey: () => 'execution', getProcessEngineServices: services('getProcessEngineServices'), getProcessEngine: services('getProcessEngine'),
    getBpmnModelElementInstance: () => ({ getId: () => facts.currentActivityId, getName: () => facts.currentActivityName, getElementType: services('getElementType') }),
    // The key of an execution that isn't the instance's shows nowhere.
    setBusinessKey: key => { if (facts.id === facts.processInstanceId) execution.setProcessBusinessKey(key); },
    setProcessBusinessKey: key => { facts.processBusinessKey = key === null || key === undefined ? null : String(key); effects.push({ kind: 'businessKey', value: facts.processBusinessKey }); },
    getBpmnModelInstance: services('getBpmnModelInstance'), getSuperExecution: () => null, getProcessInstance: () => execution, isCanceled: () => false,
    toString: () => (facts.id === facts.processInstanceId ? 'ProcessInstance[' : 'Execution[') + facts.id + ']',
  });
  if (call.connector) globalThis.connector = bean('org.camunda.bpm.engine.impl.core.variable.scope.AbstractVariableScope', { ...scope, getVariableScopeKey: () => 'connector' });
  else if (call.task) {
    const fields = { ...call.task };
    const setters = {};
    for (const [field, type] of Object.entries(TASK_FIELDS)) {
      setters['set' + capital(field)] = value => {
        const wire = type === 'Date' ? dateWire(value) : type === 'Integer' ? { type, value: asInt(Number(value)) } : value === null || value === undefined ? { type: 'Null' } : { type, value: String(value) };
        fields[field] = wire.type === 'Null' ? null : wire.value;
        effects.push({ kind: 'task', field, wire });
      };
    }
    const link = (field, many) => (...ids) => { for (const id of many ? plain(ids[0]) : ids.slice(0, 1)) effects.push({ kind: 'task', field, wire: { type: 'String', value: String(id) } }); };
    const dates = { getDueDate: () => dateOf(fields.dueDate), getFollowUpDate: () => dateOf(fields.followUpDate), getCreateTime: () => dateOf(fields.createTime) };
    globalThis.task = bean(TASK, {
      ...scope, ...getters(fields), ...setters, ...dates, getVariableScopeKey: () => 'task', getExecution: () => execution, getProcessEngineServices: services('getProcessEngineServices'),
      addCandidateUser: link('addCandidateUser'), addCandidateGroup: link('addCandidateGroup'), addCandidateUsers: link('addCandidateUser', true), addCandidateGroups: link('addCandidateGroup', true),
      deleteCandidateUser: link('deleteCandidateUser'), deleteCandidateGroup: link('deleteCandidateGroup'),
      getCandidates: () => JavaList.of('java.util.HashSet', (call.candidates || []).map(c => bean('org.camunda.bpm.engine.impl.persistence.entity.IdentityLinkEntity', getters(c)))),
      getBpmnModelElementInstance: execution.getBpmnModelElementInstance, toString: () => 'Task[' + fields.id + ']',
    });
  } else globalThis.execution = execution;

  for (const variables of [outer, own]) {
    for (const [name, slot] of variables) {
      // What the script sees by its name is the value that the variable had when it began.
      const bound = new Map([[name, slot]]);
      if (name === 'execution' || name === 'task') continue;
      try {
        Object.defineProperty(globalThis, name, {
          configurable: true, enumerable: true,
          get: () => read(bound, name),
          set: value => Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: true }),
        });
      } catch (cause) { /* A name of the language itself. */ }
    }
  }
  return () => {
    const touched = new Set(effects.filter(e => e.kind === 'set').map(e => e.name));
    // A list or map that the script changed in place is a changed variable.
    for (const variables of [own, outer]) {
      for (const [name, slot] of variables) {
        if (slot instanceof Lazy && slot.made && slot.wire.type === 'Object' && !touched.has(name)) {
          const wire = toWire(slot.made.value);
          if (stringify(canonical(wire)) !== stringify(canonical(slot.before))) effects.push({ kind: 'set', name, local: variables === own, held: slot.made.value });
        }
      }
    }
    return effects.map(e => (e.kind === 'set' ? { kind: 'set', name: e.name, local: e.local, value: toWire(e.held) } : e.kind === 'task' ? { kind: 'task', field: e.field, value: e.wire } : e));
  };
}

const EXECUTION = 'org.camunda.bpm.engine.impl.persistence.entity.ExecutionEntity';
const TASK = 'org.camunda.bpm.engine.impl.persistence.entity.TaskEntity';
const MISSING = Symbol('missing');
class Lazy {
  constructor(wire) { this.wire = wire; }
  // How the value reads back unchanged; made only if it may have been changed.
  get before() { return toWire(fromWire(this.wire)); }
}
const lazily = wire => new Lazy(wire);
const canonical = wire => wire.value;
class NeedsVariable extends Error { constructor(name) { super(name); this.needs = name; } }

const TASK_FIELDS = { name: 'String', description: 'String', assignee: 'String', owner: 'String', priority: 'Integer', dueDate: 'Date', followUpDate: 'Date' };
const capital = name => name[0].toUpperCase() + name.slice(1);
const dateOf = at => (at === null || at === undefined ? null : new JavaDate(at));
const dateWire = value => (value === null || value === undefined ? { type: 'Null' } : { type: 'Date', value: Math.trunc(Number(value instanceof JavaDate ? value.getTime() : value)) });
const getters = facts => Object.fromEntries(Object.keys(facts).map(name => ['get' + capital(name), () => facts[name]]));
function checkName(name) {
  if (typeof name !== 'string' && !(name instanceof String)) throw new TypeError('no applicable overload found for a variable named ' + String(name));
}
// An object of the engine: its methods and nothing else.
function bean(name, methods) {
  const self = Object.create(null);
  for (const [key, method] of Object.entries(methods)) Object.defineProperty(self, key, { value: method });
  Object.defineProperty(self, Symbol.toPrimitive, { value: () => methods.toString ? methods.toString() : name });
  return self;
}

function print(...args) { printed(args.map(a => (a === undefined ? 'undefined' : String(a))).join(' ')); }

// What went wrong, in the reference's words: Java's exceptions as they are, the rest as GraalJS shows it.
function failure(thrown) {
  if (thrown instanceof NeedsVariable) return { kind: 'needs', name: thrown.needs };
  if (thrown instanceof BpmnError) return { kind: 'bpmnError', code: thrown.code, message: thrown.text };
  if (thrown instanceof JavaError) return { kind: 'failed', message: thrown.toString() };
  return { kind: 'failed', message: 'org.graalvm.polyglot.PolyglotException: ' + thrownText(thrown) };
}
function thrownText(thrown) {
  if (thrown instanceof Error) {
    const message = String(thrown.message)
      .replace(/^'(.*)' is not defined$/, '$1 is not defined')
      .replace(/^cannot (read|set) property/, 'Cannot $1 property');
    return thrown.name + (message ? ': ' + message : '');
  }
  if (typeof thrown === 'object' && thrown !== null) return Array.isArray(thrown) ? 'Array' : 'Object';
  return String(thrown);
}

JSON.parse = parseJson;
// What GraalJS gives as doubles.
for (const name of ['sqrt', 'pow', 'trunc', 'cbrt', 'exp', 'log', 'log10', 'log2', 'hypot', 'sin', 'cos', 'tan', 'atan', 'atan2']) {
  const own = Math[name];
  Math[name] = (...args) => asDouble(own(...args));
}
for (const name of ['max', 'min']) {
  const own = Math[name];
  Math[name] = (...args) => (args.every(isInt) ? own(...args) : asDouble(own(...args)));
}
const { parseFloat: readFloat } = globalThis;
globalThis.parseFloat = Number.parseFloat = text => asDouble(readFloat(text));
for (const name of ['btoa', 'atob', 'navigator', 'performance', 'queueMicrotask', 'gc', 'DOMException']) delete globalThis[name];

Object.assign(globalThis, { print, S: spin, Java, Packages: javaPackage('') });
globalThis.console = { log: print, info: print, warn: print, error: print, debug: print };
for (const root of ['java', 'javax', 'org', 'com']) globalThis[root] = javaPackage(root);
return { start, toWire, failure };
