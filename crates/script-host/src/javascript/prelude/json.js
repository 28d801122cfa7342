// Spin's JSON. Numbers keep whether they were written with a fraction, as Jackson keeps it.
class Double { constructor(n) { this.n = n; } }
class JsonObject { constructor(members) { this.members = members; } }

// Reads JSON; numbers with a fraction or exponent become Double, objects JsonObject.
function typedJson(text) {
  let at = 0;
  const fail = () => { throw new SyntaxError('unexpected character at ' + at + ' of the JSON'); };
  const space = () => { while (at < text.length && ' \t\r\n'.includes(text[at])) at++; };
  const expect = word => { if (!text.startsWith(word, at)) fail(); at += word.length; };
  const NUMBER = /-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/y;
  const STRING = /"(?:[^"\\\u0000-\u001f]|\\.)*"/y;
  const string = () => {
    STRING.lastIndex = at;
    const found = STRING.exec(text);
    if (!found) fail();
    at += found[0].length;
    return parse(found[0]);
  };
  const value = depth => {
    if (depth > 512) fail();
    space();
    switch (text[at]) {
      case '{': {
        const members = new Map();
        at++; space();
        if (text[at] === '}') { at++; return new JsonObject(members); }
        for (;;) {
          space();
          const name = string();
          space(); expect(':');
          members.set(name, value(depth + 1));
          space();
          if (text[at] === ',') { at++; continue; }
          expect('}');
          return new JsonObject(members);
        }
      }
      case '[': {
        const items = [];
        at++; space();
        if (text[at] === ']') { at++; return items; }
        for (;;) {
          items.push(value(depth + 1));
          space();
          if (text[at] === ',') { at++; continue; }
          expect(']');
          return items;
        }
      }
      case '"': return string();
      case 't': expect('true'); return true;
      case 'f': expect('false'); return false;
      case 'n': expect('null'); return null;
      default: {
        NUMBER.lastIndex = at;
        const found = NUMBER.exec(text);
        if (!found) fail();
        at += found[0].length;
        return found[2] || found[3] ? new Double(Number(found[0])) : long(integer(Number(found[0])));
      }
    }
  };
  const result = value(0);
  space();
  if (at < text.length) fail();
  return result;
}

function jsonText(value) {
  if (value instanceof Double) return doubleText(value.n);
  if (Array.isArray(value)) return '[' + value.map(jsonText).join(',') + ']';
  if (value instanceof JsonObject) {
    return '{' + [...value.members].map(([k, v]) => stringify(k) + ':' + jsonText(v)).join(',') + '}';
  }
  return stringify(value);
}

// JSON.parse, with integers and doubles as GraalJS makes them.
function parseJson(text, ...reviver) {
  const parsed = parse(text, ...reviver);
  return reviver.length ? parsed : /\d[.eE]/.test(text) ? untyped(typedJson(String(text))) : integers(parsed);
}
function integers(value) {
  if (typeof value === 'number') return integer(value);
  if (typeof value === 'object' && value !== null) for (const key of Object.keys(value)) value[key] = integers(value[key]);
  return value;
}
function untyped(value) {
  if (value instanceof Double) return asDouble(value.n);
  if (Array.isArray(value)) return value.map(untyped);
  if (!(value instanceof JsonObject)) return value;
  const object = {};
  for (const [name, member] of value.members) Object.defineProperty(object, name, { value: untyped(member), enumerable: true, writable: true, configurable: true });
  return object;
}

// A script's value as a member of a Spin JSON object.
function intoJson(value) {
  if (value instanceof SpinJson) return value.node;
  if (value === undefined || value === null) return null;
  if (typeof value === 'number') return isInt(value) || longs.has(value) ? value : new Double(value);
  if (typeof value !== 'object' && typeof value !== 'function') return value;
  return typedJson(javaJson(value));
}

const kindOf = node =>
  node === null ? 'NULL' : Array.isArray(node) ? 'ARRAY' : node instanceof JsonObject ? 'OBJECT'
    : typeof node === 'string' ? 'STRING' : typeof node === 'boolean' ? 'BOOLEAN' : 'NUMBER';
const spinError = (what, text) => { throw new JavaError('org.camunda.spin.json.SpinJson' + what + 'Exception', text); };
const wrongType = (wanted, node) =>
  spinError('DataFormat', "SPIN/JACKSON-JSON-01002 Expected '" + wanted + "', got '" + kindOf(node) + "'");

class SpinJson {
  constructor(node, up) { Object.defineProperty(this, 'node', { value: node, writable: true }); Object.defineProperty(this, 'up', { value: up }); }
  toString() { return jsonText(this.node); }
  getDataFormatName() { return 'application/json'; }
  isObject() { return kindOf(this.node) === 'OBJECT'; }
  isArray() { return Array.isArray(this.node); }
  isString() { return typeof this.node === 'string'; }
  isNumber() { return kindOf(this.node) === 'NUMBER'; }
  isBoolean() { return typeof this.node === 'boolean'; }
  isNull() { return this.node === null; }
  isValue() { return !this.isObject() && !this.isArray(); }
  members() { return this.isObject() ? this.node.members : wrongType('OBJECT', this.node); }
  items() { return this.isArray() ? this.node : wrongType('ARRAY', this.node); }
  hasProp(name) { return this.isObject() && this.node.members.has(name); }
  prop(name, ...value) {
    if (value.length) { this.members().set(name, intoJson(value[0])); return this; }
    if (!this.hasProp(name)) spinError('Property', "SPIN/JACKSON-JSON-01004 Unable to find '" + name + "'");
    return new SpinJson(this.node.members.get(name), this);
  }
  deleteProp(name) {
    if (Array.isArray(name)) { plain(name).forEach(n => this.deleteProp(n)); return this; }
    if (!this.hasProp(name)) spinError('Property', "SPIN/JACKSON-JSON-01004 Unable to find '" + name + "'");
    this.node.members.delete(name);
    return this;
  }
  fieldNames() { return JavaList.of('java.util.ArrayList', [...this.members().keys()]); }
  elements() { return JavaList.of('org.camunda.spin.impl.SpinListImpl', this.items().map(n => new SpinJson(n, this))); }
  append(value) { this.items().push(intoJson(value)); return this; }
  insertAt(at, value) { this.items().splice(at < 0 ? this.node.length + at : at, 0, intoJson(value)); return this; }
  removeAt(at) { this.items().splice(at < 0 ? this.node.length + at : at, 1); return this; }
  indexOf(value) { const text = jsonText(intoJson(value)); return this.items().findIndex(n => jsonText(n) === text); }
  contains(value) { return this.indexOf(value) >= 0; }
  remove(value) { const at = this.indexOf(value); return at < 0 ? this : this.removeAt(at); }
  stringValue() { return this.isString() ? this.node : wrongType('String', this.node); }
  boolValue() { return this.isBoolean() ? this.node : wrongType('Boolean', this.node); }
  numberValue() {
    if (!this.isNumber()) wrongType('Number', this.node);
    return this.node instanceof Double ? asDouble(this.node.n) : this.node;
  }
  value() {
    if (this.isNumber()) return this.numberValue();
    return this.isValue() ? this.node : wrongType('Value', this.node);
  }
  unwrap() { return this; }
  mapTo() { return fromJson(this.node); }
  jsonPath(path) { return new JsonPath(this, String(path)); }
}

// A subset of JsonPath: members, indexes, wildcards, slices aside.
class JsonPath {
  constructor(root, path) { this.root = root; this.path = path; this.found = this.find(); }
  find() {
    const steps = this.path.match(/\.\.?[^.[\]]+|\[(?:'[^']*'|"[^"]*"|-?\d+|\*)\]/g) || [];
    if (!this.path.startsWith('$') || steps.join('') !== this.path.slice(1)) {
      spinError('Path', "SPIN/JACKSON-JSON-01012 Unable to compile '" + this.path + "'!");
    }
    let nodes = [this.root.node];
    this.many = false;
    for (const step of steps) {
      const deep = step.startsWith('..');
      const name = step.replace(/^\.\.?/, '').replace(/^\[['"]?|['"]?\]$/g, '');
      if (deep || name === '*') this.many = true;
      if (deep) nodes = nodes.flatMap(n => JsonPath.within(n));
      nodes = nodes.flatMap(n => JsonPath.child(n, name, step.startsWith('[') && /^-?\d+$/.test(name)));
    }
    return nodes;
  }
  static within(node) {
    const inner = node instanceof JsonObject ? [...node.members.values()] : Array.isArray(node) ? node : [];
    return [node, ...inner.flatMap(n => JsonPath.within(n))];
  }
  static child(node, name, index) {
    if (Array.isArray(node)) {
      if (name === '*') return node;
      const at = Number(name) < 0 ? node.length + Number(name) : Number(name);
      return index && at < node.length && at >= 0 ? [node[at]] : [];
    }
    if (!(node instanceof JsonObject)) return [];
    if (name === '*') return [...node.members.values()];
    return node.members.has(name) ? [node.members.get(name)] : [];
  }
  one() {
    if (this.many) return new SpinJson(this.found);
    if (!this.found.length) spinError('Path', "SPIN/JACKSON-JSON-01014 Unable to find json path expression '" + this.path + "'!");
    return new SpinJson(this.found[0]);
  }
  element() { return this.one(); }
  elementList() { const one = this.one(); return this.many ? one.elements() : one.isArray() ? one.elements() : wrongType('ARRAY', one.node); }
  stringValue() { return this.one().stringValue(); }
  numberValue() { return this.one().numberValue(); }
  boolValue() { return this.one().boolValue(); }
}

const noFormat = () => { throw new JavaError('org.camunda.spin.spi.SpinDataFormatException', 'SPIN-01004 No matching data format detected'); };

function spinJson(text) {
  try { return new SpinJson(typedJson(text)); } catch (cause) { return noFormat(); }
}

// Spin's S(): reads JSON or XML by how it begins.
function spin(value) {
  if (value instanceof SpinJson || value instanceof SpinXml) return value;
  if (typeof value !== 'string' && !(value instanceof JavaString)) {
    const name = value === undefined || value === null ? 'null' : typeof value === 'object' ? elementClass(value) : typeof value;
    throw new JavaError('java.lang.IllegalArgumentException', "SPIN-01001 Unsupported input of type '" + name + "'");
  }
  const text = String(value).trim();
  if (text.startsWith('{') || text.startsWith('[')) return spinJson(text);
  return text.startsWith('<') ? new SpinXml(text) : noFormat();
}
