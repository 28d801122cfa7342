// Values between the engine and scripts: what a variable is in a script, and what the reference stores of a script's
// value. The class names and JSON texts are those of Camunda 7.24 with GraalJS.
const POLYGLOT = 'com.oracle.truffle.polyglot.PolyglotMap';
const OBJECTS = '<java.lang.Object,java.lang.Object>';

// A whole number that is a double stays one in arithmetic; one that was read from JSON must be told to be an integer.
const inRange = n => Number.isInteger(n) && n >= -2147483648 && n <= 2147483647 && !Object.is(n, -0);
const asDouble = n => (inRange(n) ? (n + 0.5) - 0.5 : n);
const integer = n => (inRange(n) ? n | 0 : n);

// Numbers beyond 32 bits that are Java longs: of variables, and what Java methods give.
const longs = new Set();
function long(n) {
  if (Number.isInteger(n) && (n > 2147483647 || n < -2147483648)) longs.add(n);
  return n;
}

// Double.toString of Java.
function doubleText(n) {
  if (!Number.isFinite(n)) return Number.isNaN(n) ? 'NaN' : n > 0 ? 'Infinity' : '-Infinity';
  if (n === 0) return Object.is(n, -0) ? '-0.0' : '0.0';
  const size = Math.abs(n);
  if (size >= 1e-3 && size < 1e7) {
    const text = String(n);
    return text.includes('.') ? text : text + '.0';
  }
  const [digits, exponent] = n.toExponential().split('e');
  return (digits.includes('.') ? digits : digits + '.0') + 'E' + Number(exponent);
}

// The order in which java.util.HashMap iterates over string keys.
function hashOrder(keys) {
  const hash = key => {
    let h = 0;
    for (let i = 0; i < key.length; i++) h = (Math.imul(h, 31) + key.charCodeAt(i)) | 0;
    return h ^ (h >>> 16);
  };
  let size = 16;
  while (keys.length > size * 0.75) size *= 2;
  const at = key => (typeof key === 'string' ? hash(key) : Number(key) | 0) & (size - 1);
  return keys.map((key, i) => [at(key), i, key]).sort((a, b) => a[0] - b[0] || a[1] - b[1]).map(k => k[2]);
}

// What the reference's JSON mapper writes for a value inside a map or list.
function javaJson(value, depth = 0) {
  if (depth > 64) throw new TypeError('value nested too deeply');
  const nested = v => javaJson(v, depth + 1);
  switch (typeof value) {
    case 'undefined': return 'null';
    case 'boolean': return String(value);
    case 'string': return stringify(value);
    case 'number':
      if (isInt(value) || longs.has(value)) return String(value);
      return Number.isFinite(value) ? doubleText(value) : '"' + doubleText(value) + '"';
    case 'bigint': return String(value);
    case 'symbol': throw new JavaError('org.camunda.bpm.engine.ProcessEngineException',
      "SPIN/JACKSON-JSON-01009 Unable to map object '" + String(value) + "' to json node");
  }
  if (value === null) return 'null';
  if (value instanceof JavaList) return '[' + plain(value).map(nested).join(',') + ']';
  const map = mapOf(value);
  if (map) return '{' + map.ordered().map(([k, v]) => stringify(String(k)) + ':' + nested(v)).join(',') + '}';
  if (value instanceof JavaDate) return String(value.getTime());
  if (value instanceof SpinJson) return value.toString();
  if (value instanceof String) return stringify(String(value));
  if (value instanceof Boolean) return String(value);
  if (value instanceof Number) return nested(Number(value));
  if (value instanceof Map) {
    return '{' + [...value].map(([k, v]) => stringify(String(k)) + ':' + nested(v)).join(',') + '}';
  }
  if (typeof value === 'function' || Array.isArray(value)) return '{}';
  return '{' + Object.keys(value).map(k => stringify(k) + ':' + nested(value[k])).join(',') + '}';
}

// The class that names the elements of a list in its type.
function elementClass(value) {
  switch (typeof value) {
    case 'boolean': return 'java.lang.Boolean';
    case 'string': return 'java.lang.String';
    case 'number': return isInt(value) ? 'java.lang.Integer' : longs.has(value) ? 'java.lang.Long' : 'java.lang.Double';
    case 'undefined': return 'java.lang.Object';
  }
  if (value === null) return 'java.lang.Object';
  if (value instanceof JavaDate) return 'java.util.Date';
  if (value instanceof JavaList) return value[JAVA_CLASS];
  const map = mapOf(value);
  return map ? map.javaClass : POLYGLOT;
}

const object = (typeName, text) => ({ type: 'Object', value: text, typeName, format: 'application/json' });

// A script's value as the engine stores it.
function toWire(value) {
  switch (typeof value) {
    case 'undefined': return { type: 'Null' };
    case 'boolean': return { type: 'Boolean', value };
    case 'string': return { type: 'String', value };
    case 'number':
      if (isInt(value)) return { type: 'Integer', value };
      if (longs.has(value)) return { type: 'Long', value };
      return { type: 'Double', value: doubleText(value) };
    case 'bigint': return object('java.math.BigInteger', String(value));
    case 'symbol': return object('', javaJson(value));
    case 'function':
      if (classNames.has(value)) return object('java.lang.Class', stringify(classNames.get(value)));
      return object(POLYGLOT + 'AndFunction' + OBJECTS, '{}');
  }
  if (value === null) return { type: 'Null' };
  if (value instanceof JavaDate) return { type: 'Date', value: value.getTime() };
  if (value instanceof SpinJson) return { type: 'Json', value: value.toString() };
  if (value instanceof SpinXml) return object('org.camunda.spin.impl.xml.dom.DomXmlElement', '{"dataFormatName":"application/xml"}');
  if (value instanceof JavaBytes) return { type: 'Bytes', value: value.base64() };
  if (value instanceof TypedValue) return value.wire();
  if (value instanceof Opaque) return value.wire;
  if (value instanceof JavaString || value instanceof String) return { type: 'String', value: String(value) };
  if (value instanceof Boolean) return { type: 'Boolean', value: value.valueOf() };
  if (value instanceof Number) return object('java.lang.Byte', javaJson(Number(value)));
  if (value instanceof JavaList) {
    const name = value[JAVA_CLASS];
    const of = name.startsWith('[') ? '' : '<' + elementClass(plain(value)[0]) + '>';
    return object(name + of, javaJson(value));
  }
  const map = mapOf(value);
  if (map) return object(map.javaClass + OBJECTS, javaJson(value));
  return object(POLYGLOT + OBJECTS, javaJson(value));
}

// A variable as scripts see it.
function fromWire(wire) {
  switch (wire.type) {
    case 'Null': return null;
    case 'Double': return asDouble(Number(wire.value));
    case 'Integer': case 'Short': case 'Long': return long(integer(wire.value));
    case 'Date': return new JavaDate(wire.value);
    case 'Json': return spinJson(wire.value);
    case 'Xml': return new SpinXml(wire.value);
    case 'Bytes': return JavaBytes.of(wire.value);
    case 'Object': {
      const [name, elements] = wire.typeName.split('<');
      if (wire.format.includes('json') && typeof wire.value === 'string') {
        const json = () => typedJson(wire.value);
        if (/^java\.util\..*(List|Set)$/.test(name)) {
          const ofDates = elements && elements.startsWith('java.util.Date');
          return JavaList.of(name, json().map(v => fromJson(ofDates ? new JavaDate(v) : v)));
        }
        if (/^java\.util\..*Map$/.test(name) || name.startsWith(POLYGLOT)) return javaMap(name, fromJson(json()).entries());
      }
      return new Opaque(wire);
    }
    default: return wire.value;
  }
}

// JSON as Java collections.
function fromJson(value) {
  if (value instanceof Double) return asDouble(value.n);
  if (Array.isArray(value) && !(value instanceof JavaList)) return JavaList.of('java.util.ArrayList', value.map(fromJson));
  if (value instanceof JsonObject) {
    return javaMap('java.util.LinkedHashMap', [...value.members].map(([k, v]) => [k, fromJson(v)]));
  }
  return value;
}

// A serialized Java object of a class that isn't here: it can be passed on, no more.
class Opaque {
  constructor(wire) { this.wire = wire; }
  toString() { return String(this.wire.value); }
}
