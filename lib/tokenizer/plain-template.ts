import { Template } from '@huggingface/jinja'

/** UTF-16 units of a plain template. */
const LONGEST = 65_536

/** Lists of the conversation, which are as long as it is. Tools and tool calls are never given. */
const LISTS = new Set(['messages', 'loop_messages', 'tools', 'tool_calls'])

const FUNCTIONS = new Set(['namespace', 'raise_exception'])
const METHODS = new Set([
  'strip',
  'lstrip',
  'rstrip',
  'startswith',
  'endswith',
  'split',
  'upper',
  'lower',
  'title',
  'get',
  'items',
])
const FILTERS = new Set([
  'length',
  'trim',
  'upper',
  'lower',
  'first',
  'last',
  'string',
  'int',
  'safe',
  'tojson',
])

/** A node of the template's syntax tree, whose classes the package does not export. */
interface Node {
  type: string
  [field: string]: unknown
}

/**
 * The template, compiled, if it can be seen from its text that rendering takes time and memory in proportion to the
 * messages: it loops over them and over nothing else, no loop makes a value grow by itself, and what it calls is on a
 * list. Qwen3's template and Gen's are such. Null for any other, also for one that does not compile.
 */
export function plainTemplate(source: string): Template | null {
  if (source.length > LONGEST || /\s{512}/.test(source)) return null
  try {
    const template = new Template(source)
    return isPlain(template.parsed as unknown as Node) ? template : null
  } catch {
    return null
  }
}

/** Where a node stands: in how many loops, and whether its value is kept under a name. */
interface Place {
  loops: number
  kept: boolean
}

function isPlain(node: Node, place: Place = { loops: 0, kept: false }): boolean {
  // All fields but those, so that one which a later version adds is looked at too.
  const rest = (but: string[] = [], at: Place = place) =>
    Object.entries(node).every(
      ([field, child]) => but.includes(field) || childrenOf(child).every((one) => isPlain(one, at)),
    )
  switch (node.type) {
    case 'Comment':
    case 'Identifier':
    case 'StringLiteral':
    case 'IntegerLiteral':
    case 'FloatLiteral':
    case 'Break':
    case 'Continue':
    case 'Program':
    case 'If':
    case 'Ternary':
    case 'SliceExpression':
      return rest()
    case 'For': {
      const inner = { ...place, loops: place.loops + 1 }
      // The list in a loop is one that is never given.
      const list = listOf(node.iterable as Node)
      const bounded = place.loops === 0 ? list !== null : list === 'tools' || list === 'tool_calls'
      const names = childrenOf(node.loopvar).flatMap((one) => [one, ...childrenOf(one.value)])
      return bounded && inner.loops <= 2 && !names.some(isListName) && rest(['iterable', 'loopvar'], inner)
    }
    case 'Set':
      return isPlainSet(node, place)
    case 'MemberExpression':
      return rest(node.computed ? [] : ['property'])
    case 'CallExpression':
      return isPlainCall(node.callee as Node, place) && rest(['callee'])
    case 'KeywordArgumentExpression':
      return !isListName(node.key as Node) && rest(['key'])
    case 'FilterExpression': {
      const filter = node.filter as Node
      const known = filter.type === 'Identifier' && FILTERS.has(String(filter.value))
      // Escaped again and again, a text doubles.
      return known && !(place.kept && filter.value === 'tojson') && rest(['filter'])
    }
    case 'TestExpression':
      return (node.test as Node).type === 'Identifier' && rest(['test'])
    case 'UnaryExpression':
      return rest(['operator'])
    case 'BinaryExpression':
      return isPlainOperation(node, place) && rest(['operator'])
    default:
      return false
  }
}

function isPlainSet(node: Node, place: Place): boolean {
  const assignee = node.assignee as Node
  const value = node.value as Node | null
  if (!value || childrenOf(node.body).length > 0) return false
  const name = assignee.type === 'MemberExpression' ? (assignee.property as Node) : assignee
  if (name.type !== 'Identifier' || (assignee.type === 'MemberExpression' && assignee.computed)) return false
  if (isListName(name) && (assignee !== name || listOf(value) !== 'messages')) return false
  return isPlain(value, { ...place, kept: true })
}

function isPlainCall(callee: Node, place: Place): boolean {
  if (callee.type === 'Identifier') return FUNCTIONS.has(String(callee.value))
  if (callee.type !== 'MemberExpression' || callee.computed) return false
  return METHODS.has(String((callee.property as Node).value)) && isPlain(callee.object as Node, place)
}

/** Adding two values that are kept can double one each time; what a literal adds is as long as the template says. */
function isPlainOperation({ operator, left, right }: Node, { kept }: Place): boolean {
  const sign = (operator as { value: string }).value
  if (sign === '*' || sign === '**') return false
  if (!kept || (sign !== '+' && sign !== '~')) return true
  return [left, right].some((one) => /^(?:String|Integer|Float)Literal$/.test((one as Node).type))
}

/** The list of the conversation that an expression is, or a part of. */
function listOf(node: Node): string | null {
  if (node.type === 'Identifier' && isListName(node))
    return node.value === 'loop_messages' ? 'messages' : String(node.value)
  if (node.type !== 'MemberExpression') return null
  if (node.computed) {
    return (node.property as Node).type === 'SliceExpression' ? listOf(node.object as Node) : null
  }
  return (node.property as Node).value === 'tool_calls' ? 'tool_calls' : null
}

function isListName({ type, value }: Node): boolean {
  return type === 'Identifier' && LISTS.has(String(value))
}

/** Nodes in a field: one, a list of them, or none. */
function childrenOf(field: unknown): Node[] {
  if (Array.isArray(field)) return field.flatMap((one) => childrenOf(one))
  return typeof field === 'object' && field !== null && 'type' in field ? [field as Node] : []
}
