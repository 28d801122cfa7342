// Spin's XML: elements, attributes and texts can be read, and the simple XPath that models use.
function parseXml(text) {
  const TOKEN = /<!\[CDATA\[([\s\S]*?)\]\]>|<!--[\s\S]*?-->|<\?[\s\S]*?\?>|<\/([^\s>]+)\s*>|<([^\s/>]+)((?:\s+[^\s=]+\s*=\s*(?:"[^"]*"|'[^']*'))*)\s*(\/?)>|([^<]+)/g;
  const root = { name: '', attributes: new Map(), children: [], up: null };
  let here = root, at = 0;
  for (let token; (token = TOKEN.exec(text));) {
    if (token.index !== at) noFormat();
    at = TOKEN.lastIndex;
    const [, cdata, closes, opens, attributes, empty, chars] = token;
    if (cdata !== undefined) here.children.push(cdata);
    else if (closes) { if (here.name !== closes) noFormat(); here = here.up; }
    else if (opens) {
      const element = { name: opens, attributes: new Map(), children: [], up: here };
      for (const [, name, double, single] of attributes.matchAll(/([^\s=]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g)) {
        element.attributes.set(name, unescapeXml(double === undefined ? single : double));
      }
      here.children.push(element);
      if (!empty) here = element;
    } else if (chars) here.children.push(unescapeXml(chars));
  }
  const elements = root.children.filter(c => typeof c === 'object');
  if (here !== root || at !== text.length || elements.length !== 1) noFormat();
  return elements[0];
}

const NAMED = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };
function unescapeXml(text) {
  return text.replace(/&(#x[0-9a-fA-F]+|#\d+|amp|lt|gt|quot|apos);/g, (_, name) =>
    NAMED[name] || String.fromCodePoint(name[1] === 'x' ? parseInt(name.slice(2), 16) : Number(name.slice(1))));
}
const escapeXml = text => text.replace(/[&<>"]/g, c => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }[c]));
function xmlText(node) {
  if (typeof node === 'string') return escapeXml(node);
  const attributes = [...node.attributes].map(([k, v]) => ' ' + k + '="' + escapeXml(v) + '"').join('');
  const inner = node.children.map(xmlText).join('');
  return '<' + node.name + attributes + (inner ? '>' + inner + '</' + node.name + '>' : '/>');
}
const innerText = node => typeof node === 'string' ? node : node.children.map(innerText).join('');
const local = name => name.replace(/^.*:/, '');
const xmlError = text => { throw new JavaError('org.camunda.spin.xml.SpinXmlElementException', text); };

class SpinXml {
  constructor(source) {
    const read = typeof source === 'string';
    Object.defineProperty(this, 'source', { value: read ? source : null });
    Object.defineProperty(this, 'node', { value: read ? parseXml(source.trim()) : source });
  }
  toString() { return this.source === null ? xmlText(this.node) : this.source; }
  getDataFormatName() { return 'application/xml'; }
  name() { return local(this.node.name); }
  prefix() { return this.node.name.includes(':') ? this.node.name.split(':')[0] : null; }
  textContent() { return innerText(this.node); }
  hasAttr(name) { return this.node.attributes.has(name); }
  attr(name) {
    if (!this.hasAttr(name)) throw new JavaError('org.camunda.spin.xml.SpinXmlAttributeException', "SPIN/DOM-XML-01003 Unable to find attribute '" + name + "'");
    return new SpinXmlAttribute(name, this.node.attributes.get(name));
  }
  attrs() { return JavaList.of('org.camunda.spin.impl.SpinListImpl', [...this.node.attributes].map(([n, v]) => new SpinXmlAttribute(n, v))); }
  childElements(name) {
    const found = this.node.children.filter(c => typeof c === 'object' && (name === undefined || local(c.name) === local(name)));
    if (name !== undefined && !found.length) xmlError("SPIN/DOM-XML-01004 Unable to find child element with name '" + name + "' and namespace 'null'");
    return JavaList.of('org.camunda.spin.impl.SpinListImpl', found.map(n => new SpinXml(n)));
  }
  childElement(name) {
    const found = this.childElements(name);
    if (found.length > 1) xmlError("SPIN/DOM-XML-01005 More than one child element was found");
    return found[0];
  }
  xPath(path) { return new XPath(this.node, String(path)); }
}
class SpinXmlAttribute {
  constructor(name, value) { this.n = name; this.v = value; }
  name() { return local(this.n); }
  value() { return this.v; }
  toString() { return this.v; }
}
class XPath {
  constructor(node, path) { this.node = node; this.path = path; }
  nodes() {
    let top = this.node;
    while (top.up && top.up.name !== '') top = top.up;
    const steps = this.path.match(/\/?\/[^/]+|^[^/]+/g) || [];
    if (steps.join('') !== this.path) throw new JavaError('org.camunda.spin.xml.SpinXPathException', "SPIN/DOM-XML-01028 Unable to compile '" + this.path + "'!");
    let found = [this.path.startsWith('/') ? { name: '', attributes: new Map(), children: [top] } : this.node];
    for (const step of steps) {
      const [, deep, name, index] = /^(\/?\/?)([^[]+)(?:\[(\d+)\])?$/.exec(step) || [];
      if (deep === '//') found = found.flatMap(XPath.within);
      if (name === 'text()') found = found.map(innerText);
      else if (name && name.startsWith('@')) found = found.filter(n => n.attributes.has(name.slice(1))).map(n => n.attributes.get(name.slice(1)));
      else found = found.flatMap(n => n.children.filter(c => typeof c === 'object' && (name === '*' || local(c.name) === local(name || ''))));
      if (index) found = found.slice(index - 1, index);
    }
    return found;
  }
  static within(node) { return [node, ...node.children.filter(c => typeof c === 'object').flatMap(XPath.within)]; }
  first() {
    const [first] = this.nodes();
    if (first === undefined) throw new JavaError('org.camunda.spin.xml.SpinXPathException', "SPIN/DOM-XML-01027 Unable to find XPath expression '" + this.path + "'");
    return first;
  }
  element() { return new SpinXml(this.first()); }
  elementList() { return JavaList.of('org.camunda.spin.impl.SpinListImpl', this.nodes().map(n => new SpinXml(n))); }
  attribute() { return new SpinXmlAttribute(this.path.replace(/^.*@/, ''), this.first()); }
  string() { const [first] = this.nodes(); return first === undefined ? '' : innerText(first); }
  number() { return Number(this.string()); }
  bool() { return this.string() !== ''; }
}
