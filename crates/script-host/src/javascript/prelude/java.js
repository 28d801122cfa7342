// The Java classes that scripts of process models use, as far as they can be had without Java.
const JAVA_CLASS = Symbol('java class');
const plain = list => Array.prototype.slice.call(list);

// Something Java throws: the reference shows class and message.
class JavaError extends Error {
  constructor(javaClass, message) { super(message === undefined ? null : message); this.javaClass = javaClass; this.text = message === undefined || message === null ? null : String(message); }
  getMessage() { return this.text; }
  getLocalizedMessage() { return this.text; }
  getCause() { return null; }
  printStackTrace() { print(this.toString()); }
  toString() { return this.javaClass + (this.text === null ? '' : ': ' + this.text); }
}
class BpmnError extends JavaError {
  constructor(code, message) { super('org.camunda.bpm.engine.delegate.BpmnError', message); this.code = String(code); }
  getErrorCode() { return this.code; }
}

class JavaList extends Array {
  static of(javaClass, items) {
    const list = new JavaList();
    for (const item of items) super.prototype.push.call(list, item);
    Object.defineProperty(list, JAVA_CLASS, { value: javaClass });
    return list;
  }
  // What Array's own methods make of a list is a plain array.
  static get [Symbol.species]() { return Array; }
  get isASet() { return this[JAVA_CLASS].endsWith('Set'); }
  size() { return this.length; }
  isEmpty() { return this.length === 0; }
  check(at) { if (!(at >= 0 && at < this.length)) throw new JavaError('java.lang.IndexOutOfBoundsException', 'Index ' + at + ' out of bounds for length ' + this.length); return at; }
  get(at) { return this[this.check(at)]; }
  set(at, value) { const old = this.get(at); this[at] = value; return old; }
  add(...args) {
    if (args.length === 2) { this.splice(args[0], 0, args[1]); return undefined; }
    if (this.isASet && this.contains(args[0])) return false;
    this.push(args[0]);
    return true;
  }
  addAll(items) { const before = this.length; for (const item of items) this.add(item); return this.length > before; }
  contains(value) { return this.findIndex(v => equal(v, value)) >= 0; }
  remove(what) {
    if (typeof what === 'number' && !this.isASet) return this.splice(this.check(what), 1)[0];
    const at = this.findIndex(v => equal(v, what));
    if (at >= 0) this.splice(at, 1);
    return at >= 0;
  }
  removeAll(items) { const before = this.length; for (const item of plain(items)) { const at = this.findIndex(v => equal(v, item)); if (at >= 0) this.splice(at, 1); } return this.length < before; }
  clear() { this.length = 0; }
  iterator() { return iterator(plain(this)); }
  toArray() { return JavaList.of('[Ljava.lang.Object;', plain(this)); }
  subList(from, to) { return JavaList.of('java.util.ArrayList', plain(this).slice(from, to)); }
  stream() { return stream(plain(this)); }
  getClass() { return javaClass(this[JAVA_CLASS]); }
  toString() { return '[' + plain(this).map(v => String(v)).join(', ') + ']'; }
  equals(other) { return equal(this, other); }
}
function iterator(items) {
  let at = 0;
  return { hasNext: () => at < items.length, next: () => items[at++], [Symbol.iterator]: () => items.slice(at)[Symbol.iterator]() };
}
function stream(items) {
  return {
    count: () => items.length, map: f => stream(items.map(v => f(v))), filter: f => stream(items.filter(v => f(v))),
    forEach: f => items.forEach(v => f(v)), anyMatch: f => items.some(v => f(v)), allMatch: f => items.every(v => f(v)),
    toArray: () => JavaList.of('[Ljava.lang.Object;', items), toList: () => JavaList.of('java.util.ArrayList', items),
  };
}
function equal(a, b) {
  if (a instanceof JavaDate && b instanceof JavaDate) return a.getTime() === b.getTime();
  if (a instanceof JavaList && b instanceof JavaList) return a.length === b.length && plain(a).every((v, i) => equal(v, b[i]));
  return a === b || (a !== null && b !== null && typeof a === 'object' && typeof b === 'object' && !!mapOf(a) && !!mapOf(b) && javaJson(a) === javaJson(b));
}

// Maps: methods first, then keys as members.
const maps = new WeakMap();
const mapOf = value => (typeof value === 'object' && value !== null ? maps.get(value) : undefined);
class JavaMap {
  constructor(name, entries) { this.javaClass = name; this.inner = new Map(entries); }
  ordered() {
    if (this.javaClass.endsWith('.HashMap')) return hashOrder([...this.inner.keys()]).map(k => [k, this.inner.get(k)]);
    if (this.javaClass.endsWith('TreeMap')) return [...this.inner].sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0));
    return [...this.inner];
  }
}
const MAP_METHODS = {
  get: (m, key) => (m.inner.has(key) ? m.inner.get(key) : null),
  getOrDefault: (m, key, other) => (m.inner.has(key) ? m.inner.get(key) : other),
  put: (m, key, value) => { const old = m.inner.has(key) ? m.inner.get(key) : null; m.inner.set(key, value); return old; },
  putIfAbsent: (m, key, value) => { if (m.inner.has(key)) return m.inner.get(key); m.inner.set(key, value); return null; },
  putAll: (m, other) => { for (const [k, v] of entriesOf(other)) m.inner.set(k, v); },
  remove: (m, key) => { const old = m.inner.has(key) ? m.inner.get(key) : null; m.inner.delete(key); return old; },
  containsKey: (m, key) => m.inner.has(key),
  containsValue: (m, value) => [...m.inner.values()].some(v => equal(v, value)),
  size: m => m.inner.size, isEmpty: m => m.inner.size === 0, clear: m => m.inner.clear(),
  keySet: m => JavaList.of('java.util.HashMap$KeySet', m.ordered().map(e => e[0])),
  values: m => JavaList.of('java.util.HashMap$Values', m.ordered().map(e => e[1])),
  entrySet: m => JavaList.of('java.util.HashMap$EntrySet', m.ordered().map(([k, v]) => ({ getKey: () => k, getValue: () => v }))),
  forEach: (m, f) => m.ordered().forEach(([k, v]) => f(k, v)),
  entries: m => m.ordered(),
  getClass: m => javaClass(m.javaClass),
  toString: m => '{' + m.ordered().map(([k, v]) => k + '=' + v).join(', ') + '}',
};
function javaMap(name, entries) {
  const map = new JavaMap(name, entries);
  const proxy = new Proxy({}, {
    get(_, key) {
      if (typeof key === 'symbol') return key === Symbol.toPrimitive ? () => MAP_METHODS.toString(map) : undefined;
      const method = MAP_METHODS[key];
      if (method) return (...args) => method(map, ...args);
      return map.inner.get(key);
    },
    set(_, key, value) { map.inner.set(key, value); return true; },
    has: (_, key) => map.inner.has(key) || key in MAP_METHODS,
    deleteProperty(_, key) { return map.inner.delete(key); },
  });
  maps.set(proxy, map);
  return proxy;
}
function entriesOf(value) {
  const map = mapOf(value);
  if (map) return map.ordered();
  return value instanceof Map ? [...value] : Object.keys(value || {}).map(k => [k, value[k]]);
}

const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const MONTHS = ['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November', 'December'];
const two = n => String(n).padStart(2, '0');
class JavaDate {
  constructor(...args) {
    const at = args.length === 0 ? Date.now() : args.length > 1 ? new Date(args[0] + 1900, ...args.slice(1)).getTime() : args[0] instanceof JavaDate ? args[0].at : Number(args[0]);
    Object.defineProperty(this, 'at', { value: Math.trunc(at), writable: true });
  }
  getTime() { return long(this.at); }
  setTime(at) { this.at = at; }
  valueOf() { return this.at; }
  [Symbol.toPrimitive](hint) { return hint === 'number' ? this.at : String(this.at); }
  before(other) { return this.at < other.at; }
  after(other) { return this.at > other.at; }
  compareTo(other) { return Math.sign(this.at - other.at); }
  equals(other) { return other instanceof JavaDate && other.at === this.at; }
  getYear() { return new Date(this.at).getFullYear() - 1900; }
  getMonth() { return new Date(this.at).getMonth(); }
  getDate() { return new Date(this.at).getDate(); }
  getDay() { return new Date(this.at).getDay(); }
  getHours() { return new Date(this.at).getHours(); }
  getMinutes() { return new Date(this.at).getMinutes(); }
  getSeconds() { return new Date(this.at).getSeconds(); }
  toInstant() { const at = this.at; return { toEpochMilli: () => long(at), toString: () => new Date(at).toISOString() }; }
  getClass() { return javaClass('java.util.Date'); }
  toString() {
    const d = new Date(this.at);
    return DAYS[d.getDay()].slice(0, 3) + ' ' + MONTHS[d.getMonth()].slice(0, 3) + ' ' + two(d.getDate()) + ' ' +
      two(d.getHours()) + ':' + two(d.getMinutes()) + ':' + two(d.getSeconds()) + ' UTC ' + d.getFullYear();
  }
}
class JavaCalendar {
  constructor() { this.d = new Date(); }
  static getInstance() { return new JavaCalendar(); }
  getTime() { return new JavaDate(this.d.getTime()); }
  getTimeInMillis() { return long(this.d.getTime()); }
  setTime(date) { this.d = new Date(date.getTime()); }
  setTimeInMillis(at) { this.d = new Date(at); }
  add(field, n) { const name = JavaCalendar.FIELDS[field]; if (field === 3) this.d.setDate(this.d.getDate() + 7 * n); else this.d['set' + name](this.d['get' + name]() + n); }
  set(field, n) { if (field === 10) this.d.setHours(n); else this.d['set' + JavaCalendar.FIELDS[field]](n); }
  get(field) { return field === 7 ? this.d.getDay() + 1 : this.d['get' + JavaCalendar.FIELDS[field]](); }
}
JavaCalendar.FIELDS = { 1: 'FullYear', 2: 'Month', 5: 'Date', 6: 'Date', 7: 'Date', 10: 'Hours', 11: 'Hours', 12: 'Minutes', 13: 'Seconds', 14: 'Milliseconds' };
Object.assign(JavaCalendar, { YEAR: 1, MONTH: 2, WEEK_OF_YEAR: 3, DATE: 5, DAY_OF_MONTH: 5, DAY_OF_YEAR: 6, DAY_OF_WEEK: 7, HOUR: 10, HOUR_OF_DAY: 11, MINUTE: 12, SECOND: 13, MILLISECOND: 14 });

class SimpleDateFormat {
  constructor(pattern) { this.parts = String(pattern).match(/'(?:[^']|'')*'|([a-zA-Z])\1*|[^a-zA-Z']+/g) || []; }
  format(date) {
    const d = new Date(Number(date));
    const pad = (n, part) => String(n).padStart(part.length, '0');
    return this.parts.map(part => {
      switch (part[0]) {
        case "'": return part.length === 2 ? "'" : part.slice(1, -1).replace(/''/g, "'");
        case 'y': return part.length === 2 ? two(d.getFullYear() % 100) : pad(d.getFullYear(), part);
        case 'M': return part.length > 3 ? MONTHS[d.getMonth()] : part.length === 3 ? MONTHS[d.getMonth()].slice(0, 3) : pad(d.getMonth() + 1, part);
        case 'd': return pad(d.getDate(), part);
        case 'H': return pad(d.getHours(), part);
        case 'h': return pad(d.getHours() % 12 || 12, part);
        case 'm': return pad(d.getMinutes(), part);
        case 's': return pad(d.getSeconds(), part);
        case 'S': return pad(d.getMilliseconds(), part);
        case 'a': return d.getHours() < 12 ? 'AM' : 'PM';
        case 'E': return part.length > 3 ? DAYS[d.getDay()] : DAYS[d.getDay()].slice(0, 3);
        case 'Z': return '+0000';
        case 'X': return 'Z';
        case 'z': return 'UTC';
        default:
          if (/[a-zA-Z]/.test(part)) throw new JavaError('java.lang.IllegalArgumentException', "Illegal pattern character '" + part[0] + "'");
          return part;
      }
    }).join('');
  }
  parse(text) {
    const fields = { y: 1970, M: 1, d: 1, H: 0, m: 0, s: 0, S: 0 };
    const bad = () => { throw new JavaError('java.text.ParseException', 'Unparseable date: "' + text + '"'); };
    let at = 0, zone = 0;
    for (const part of this.parts) {
      const rest = String(text).slice(at);
      if (part[0] === "'" || !/[a-zA-Z]/.test(part)) {
        const literal = part[0] === "'" ? part.slice(1, -1) || "'" : part;
        if (!rest.startsWith(literal)) bad();
        at += literal.length;
      } else if (part[0] === 'Z' || part[0] === 'X') {
        const found = /^(?:Z|([+-])(\d\d):?(\d\d)?)/.exec(rest) || bad();
        if (found[1]) zone = Number(found[1] + '1') * (Number(found[2]) * 60 + Number(found[3] || 0));
        at += found[0].length;
      } else if (part[0] in fields) {
        const found = /^\d+/.exec(part[0] === 'y' || part[0] === 'S' ? rest : rest.slice(0, Math.max(2, part.length))) || bad();
        const digits = found[0].slice(0, part.length > 1 ? part.length : found[0].length);
        fields[part[0]] = Number(digits);
        at += digits.length;
      } else bad();
    }
    return new JavaDate(Date.UTC(fields.y, fields.M - 1, fields.d, fields.H, fields.m - zone, fields.s, fields.S));
  }
}

// Bytes and java.lang.String, for Base64.
class JavaBytes {
  constructor(bytes) { this.bytes = bytes; this.length = bytes.length; bytes.forEach((b, i) => { this[i] = b > 127 ? b - 256 : b; }); }
  static of(base64) { return new JavaBytes(decode64(base64)); }
  base64() { return encode64(this.bytes); }
}
const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
function encode64(bytes) {
  const out = [];
  for (let i = 0; i < bytes.length; i += 3) {
    const n = (bytes[i] << 16) | ((bytes[i + 1] || 0) << 8) | (bytes[i + 2] || 0);
    out.push(DIGITS[n >> 18], DIGITS[(n >> 12) & 63], i + 1 < bytes.length ? DIGITS[(n >> 6) & 63] : '=', i + 2 < bytes.length ? DIGITS[n & 63] : '=');
  }
  return out.join('');
}
function decode64(text) {
  const bytes = [];
  let bits = 0, held = 0;
  for (const c of String(text)) {
    const digit = DIGITS.indexOf(c === '-' ? '+' : c === '_' ? '/' : c);
    if (digit < 0) continue;
    bits = (bits << 6) | digit;
    held += 6;
    if (held >= 8) { held -= 8; bytes.push((bits >> held) & 255); bits &= (1 << held) - 1; }
  }
  return bytes;
}
function utf8(text) {
  const bytes = [];
  for (const c of String(text)) {
    const p = c.codePointAt(0);
    if (p < 0x80) bytes.push(p);
    else if (p < 0x800) bytes.push(0xc0 | (p >> 6), 0x80 | (p & 63));
    else if (p < 0x10000) bytes.push(0xe0 | (p >> 12), 0x80 | ((p >> 6) & 63), 0x80 | (p & 63));
    else bytes.push(0xf0 | (p >> 18), 0x80 | ((p >> 12) & 63), 0x80 | ((p >> 6) & 63), 0x80 | (p & 63));
  }
  return bytes;
}
function fromUtf8(bytes) {
  const escaped = bytes.map(b => '%' + two(b.toString(16))).join('');
  try { return decodeURIComponent(escaped); } catch (cause) { return String.fromCharCode(...bytes); }
}
class JavaString extends String {
  constructor(from = '') { super(from instanceof JavaBytes ? fromUtf8(from.bytes) : from); }
  getBytes() { return new JavaBytes(utf8(this)); }
  equals(other) { return String(this) === String(other); }
  isEmpty() { return String(this) === ''; }
  contains(part) { return String(this).includes(part); }
  static valueOf(value) { return String(value); }
  static format(pattern, ...args) { return format(String(pattern), args); }
  static join(by, items) { return plain(items).join(by); }
}
function format(pattern, args) {
  let next = 0;
  return pattern.replace(/%([0-9,+-]*)(?:\.(\d+))?([sdnfx%])/g, (all, flags, digits, kind) => {
    if (kind === '%') return '%';
    if (kind === 'n') return '\n';
    const value = args[next++];
    const text = kind === 'f' ? Number(value).toFixed(digits === undefined ? 6 : Number(digits)) : kind === 'x' ? Number(value).toString(16) : String(value);
    const width = Number((flags.match(/[1-9]\d*/) || [0])[0]);
    return flags.startsWith('-') ? text.padEnd(width) : text.padStart(width, flags.startsWith('0') ? '0' : ' ');
  });
}
const numberOf = (text, kind) => {
  if (!/^\s*[+-]?\d+(\.\d+)?\s*$/.test(String(text))) throw new JavaError('java.lang.NumberFormatException', 'For input string: "' + text + '"');
  return kind(Number(text));
};
const asInt = n => n | 0;
const boxed = kind => {
  const parse = v => (typeof v === 'number' ? kind(v) : numberOf(v, kind));
  return { valueOf: parse, new: parse, toString: v => String(v), MAX_VALUE: kind === asInt ? 2147483647 : Number.MAX_VALUE, MIN_VALUE: kind === asInt ? -2147483648 : Number.MIN_VALUE,
    parseInt: parse, parseLong: parse, parseDouble: parse, parseFloat: parse };
};

// A typed value of Variables: its value with the type that was asked for.
class TypedValue {
  constructor(type, value) { this.type = type; this.inner = value; }
  getValue() { return this.inner; }
  wire() {
    const wire = toWire(this.inner);
    if (this.inner === null || this.inner === undefined) return { type: 'Null' };
    if (this.type === 'Long' || this.type === 'Integer' || this.type === 'Short') return { type: this.type, value: Math.trunc(Number(this.inner)) };
    if (this.type === 'Double') return { type: 'Double', value: doubleText(Number(this.inner)) };
    if (this.type === 'String') return { type: 'String', value: String(this.inner) };
    return wire;
  }
}
const builder = value => ({ serializationDataFormat: () => builder(value), setTransient: () => builder(value), create: () => value });
const typed = type => value => new TypedValue(type, value);
const variables = {
  objectValue: value => builder(value), serializedObjectValue: value => builder(value), stringValue: typed('String'), integerValue: typed('Integer'),
  longValue: typed('Long'), shortValue: typed('Short'), doubleValue: typed('Double'), booleanValue: typed('Boolean'), dateValue: typed('Date'), untypedValue: value => value,
  byteArrayValue: value => value, untypedNullValue: () => null, createVariables: () => fluentMap(), putValue: (name, value) => fluentMap().putValue(name, value),
  SerializationDataFormats: { JSON: 'application/json', JAVA: 'application/x-java-serialized-object', XML: 'application/xml' },
};
function fluentMap() {
  const map = javaMap('org.camunda.bpm.engine.variable.impl.VariableMapImpl', []);
  const inner = mapOf(map).inner;
  inner.set('putValue', (name, value) => { inner.set(name, value); return map; });
  return map;
}
function logger(name) {
  const log = level => (...args) => print(level + ' ' + name + ' ' + String(args[0]).replace(/\{\}/g, () => (args.splice(1, 1)[0])));
  const out = {};
  for (const level of ['trace', 'debug', 'info', 'warn', 'error', 'fine', 'warning', 'severe']) out[level] = log(level.toUpperCase());
  return out;
}

const uuid = () => {
  const hex = n => Array.from({ length: n }, () => Math.floor(Math.random() * 16).toString(16)).join('');
  const text = hex(8) + '-' + hex(4) + '-4' + hex(3) + '-' + '89ab'[Math.floor(Math.random() * 4)] + hex(3) + '-' + hex(12);
  return { toString: () => text, [Symbol.toPrimitive]: () => text };
};
const list = name => ({
  new: items => {
    const from = items === undefined || typeof items === 'number' ? [] : Array.from(items);
    return JavaList.of(name, name.endsWith('Set') ? [...new Set(from)] : from);
  },
});
const map = name => ({ new: other => javaMap(name, other === undefined || typeof other === 'number' ? [] : entriesOf(other)) });
const throwable = name => ({ new: message => new JavaError(name, message instanceof JavaError ? message.toString() : message) });
const encoder = { encodeToString: bytes => encode64(bytesOf(bytes)), encode: bytes => new JavaBytes(utf8(encode64(bytesOf(bytes)))), withoutPadding: () => ({ encodeToString: bytes => encode64(bytesOf(bytes)).replace(/=+$/, '') }) };
const urlEncoder = { encodeToString: bytes => encode64(bytesOf(bytes)).replace(/\+/g, '-').replace(/\//g, '_'), withoutPadding: () => ({ encodeToString: bytes => encode64(bytesOf(bytes)).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '') }) };
const decoder = { decode: from => new JavaBytes(decode64(from instanceof JavaBytes ? fromUtf8(from.bytes) : from)) };
const bytesOf = from => (from instanceof JavaBytes ? from.bytes : Array.from(from, b => b & 255));

const CLASSES = {
  'java.util.ArrayList': list('java.util.ArrayList'), 'java.util.LinkedList': list('java.util.LinkedList'), 'java.util.Vector': list('java.util.Vector'),
  'java.util.HashSet': list('java.util.HashSet'), 'java.util.LinkedHashSet': list('java.util.LinkedHashSet'), 'java.util.TreeSet': list('java.util.TreeSet'),
  'java.util.HashMap': map('java.util.HashMap'), 'java.util.LinkedHashMap': map('java.util.LinkedHashMap'), 'java.util.TreeMap': map('java.util.TreeMap'), 'java.util.Hashtable': map('java.util.Hashtable'),
  'java.util.Arrays': { asList: (...items) => JavaList.of('java.util.Arrays$ArrayList', items.length === 1 && Array.isArray(items[0]) ? plain(items[0]) : items), toString: items => '[' + plain(items).join(', ') + ']' },
  'java.util.Collections': { emptyList: () => JavaList.of('java.util.Collections$EmptyList', []), singletonList: v => JavaList.of('java.util.Collections$SingletonList', [v]), emptyMap: () => javaMap('java.util.Collections$EmptyMap', []), singletonMap: (k, v) => javaMap('java.util.Collections$SingletonMap', [[k, v]]), sort: items => { items.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0)); }, reverse: items => { items.reverse(); } },
  'java.util.Date': { new: (...args) => new JavaDate(...args) }, 'java.util.Calendar': JavaCalendar, 'java.util.GregorianCalendar': { new: () => new JavaCalendar(), ...JavaCalendar },
  'java.util.UUID': { randomUUID: uuid }, 'java.util.Base64': { getEncoder: () => encoder, getUrlEncoder: () => urlEncoder, getMimeEncoder: () => encoder, getDecoder: () => decoder, getUrlDecoder: () => decoder, getMimeDecoder: () => decoder },
  'java.util.Objects': { equals: equal, isNull: v => v === null || v === undefined, nonNull: v => v !== null && v !== undefined, toString: v => String(v) },
  'java.util.Random': { new: () => ({ nextInt: n => Math.floor(Math.random() * (n || 2147483648)), nextDouble: () => Math.random(), nextBoolean: () => Math.random() < 0.5 }) },
  'java.util.logging.Logger': { getLogger: logger }, 'org.slf4j.LoggerFactory': { getLogger: logger },
  'java.text.SimpleDateFormat': { new: pattern => new SimpleDateFormat(pattern) },
  'java.lang.String': Object.assign({ new: (...args) => new JavaString(...args) }, { valueOf: JavaString.valueOf, format: JavaString.format, join: JavaString.join }),
  'java.lang.StringBuilder': { new: (from = '') => { let text = String(from); const self = { append: v => { text += v; return self; }, toString: () => text, length: () => text.length }; return self; } },
  'java.lang.Integer': boxed(asInt), 'java.lang.Long': boxed(n => long(integer(Math.trunc(n)))), 'java.lang.Double': boxed(n => asDouble(n)), 'java.lang.Float': boxed(n => asDouble(n)), 'java.lang.Short': boxed(asInt),
  'java.lang.Boolean': { valueOf: v => v === true || String(v).toLowerCase() === 'true', parseBoolean: v => String(v).toLowerCase() === 'true', TRUE: true, FALSE: false },
  'java.lang.Math': Math, 'java.lang.Object': { new: () => ({}) },
  'java.lang.System': { currentTimeMillis: () => long(Date.now()), nanoTime: () => long(Date.now() * 1e6), lineSeparator: () => '\n', getenv: () => null, getProperty: () => null, out: { println: (...args) => print(...args), print: (...args) => print(...args), printf: (p, ...args) => print(format(String(p), args)) }, err: { println: (...args) => print(...args) } },
  'java.lang.Thread': { sleep: ms => { sleep(Number(ms)); } },
  'org.camunda.bpm.engine.delegate.BpmnError': { new: (...args) => new BpmnError(...args) },
  'org.camunda.bpm.engine.variable.Variables': variables,
  'org.camunda.spin.Spin': { S: value => spin(value), JSON: value => spin(value), XML: value => new SpinXml(String(value)) },
};
for (const name of ['Exception', 'RuntimeException', 'IllegalArgumentException', 'IllegalStateException', 'NullPointerException', 'UnsupportedOperationException', 'Throwable', 'Error']) {
  CLASSES['java.lang.' + name] = throwable('java.lang.' + name);
}
CLASSES['org.camunda.bpm.engine.ProcessEngineException'] = throwable('org.camunda.bpm.engine.ProcessEngineException');

// A class as scripts see it: to be constructed, with static members.
const classes = new Map(), classNames = new Map();
function javaClass(name) {
  if (classes.has(name)) return classes.get(name);
  const known = Object.prototype.hasOwnProperty.call(CLASSES, name) ? CLASSES[name] : undefined;
  if (!known) return undefined;
  const target = function () {};
  const proxy = new Proxy(target, {
    construct(_, args) {
      const made = known.new ? known.new(...args) : undefined;
      return typeof made === 'object' || typeof made === 'function' ? made : Object(made);
    },
    get(_, key) {
      if (key === 'class') return proxy;
      if (key === 'getName') return () => name;
      if (key === 'getSimpleName') return () => name.replace(/^.*\./, '');
      if (key === Symbol.hasInstance) return value => classNameOf(value) === name;
      return key === 'new' ? undefined : known[key];
    },
  });
  classes.set(name, proxy);
  classNames.set(proxy, name);
  return proxy;
}
function classNameOf(value) {
  if (value instanceof JavaError) return value.javaClass;
  if (value instanceof JavaDate) return 'java.util.Date';
  if (value instanceof JavaList) return value[JAVA_CLASS];
  const map = mapOf(value);
  return map && map.javaClass;
}
function javaType(name) {
  const found = javaClass(String(name));
  if (!found) throw new TypeError('Access to host class ' + name + ' is not allowed or does not exist.');
  return found;
}
// java.util.…, org.…: packages until a class is met.
function javaPackage(path) {
  return new Proxy(path.includes('.') ? function () {} : {}, {
    get(_, key) {
      if (typeof key === 'symbol') return undefined;
      const name = path ? path + '.' + key : key;
      return javaClass(name) || javaPackage(name);
    },
    construct() { throw new TypeError('Access to host class ' + path + ' is not allowed or does not exist.'); },
    apply() { throw new TypeError('Access to host class ' + path + ' is not allowed or does not exist.'); },
  });
}
const Java = {
  type: javaType,
  from: items => plain(items),
  to: (items, type) => JavaList.of(type ? '[' + type.replace('[]', '') : '[Ljava.lang.Object;', plain(items)),
  isJavaObject: value => value instanceof JavaDate || value instanceof JavaList || !!mapOf(value),
};
