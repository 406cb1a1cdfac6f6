/** Values by JSON Schema: such as fit, and such as do not, spoiled where the schema says something. Always the same for the same `Random`. */
import type { Json } from '../../../actors/kernel/define.ts'
import type { Random } from '../../sim/random.ts'
import { isRecord } from '../target.ts'

type Schema = { readonly [name: string]: Json }

const MAX_DEPTH = 6
/** A name as nobody has it, longer than any bound of the API but its body's. */
const HUGE = 'x'.repeat(10_000)

/** Texts among which one that fits a pattern is looked for; those of the world of the test come before them. */
const TEXTS = [
  ...['a', 'tiny', 'small', 'fake', 'other', 'c1', 'c2', 'default', 'nova', 'true', '1', '20', 'none', 'auto', 'any', 'SOFT', 'CUSTOM_A', 'VCPU'],
  ...['VCPU:1', 'VCPU:1,MEMORY_MB:64', 'CUSTOM_A,!CUSTOM_B', 'in:CUSTOM_A', 'startswith:CUSTOM_', '/dev/vdb', '10.0.0.1', 'ha_policy', 'resources1'],
  ...['required_A', 'member_of1', 'in_tree_B', 'resources_A', '2026-01-31T12:00:00Z', 'YQ==', 'id', 'asc', 'all', 'Ünïcode 𝄞', 'hw:mem_page_size'],
  `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA${'A'.repeat(42)} x`,
  '5f5ed2b4-6d4a-4d80-8c4a-3fd8d1d0f1a2',
]

/** What a field of this name is likely to mean. */
const HINTS: Readonly<Record<string, readonly string[]>> = {
  flavorRef: ['tiny', 'small'],
  flavor: ['tiny'],
  imageRef: ['fake', 'other'],
  image: ['fake'],
  rescue_image_ref: ['other'],
  networks: ['none', 'auto'],
  host: ['c1', 'c2'],
  hypervisor_hostname: ['c1'],
  availability_zone: ['nova'],
  resource_class: ['CUSTOM_A'],
  project_id: ['demo-id'],
  tenant: ['demo-id'],
  interface: ['public'],
  service_id: ['service0'],
  region_id: ['region0'],
  methods: ['password'],
  binary: ['nova-compute'],
}

/** Fields that may be left out and hardly ever are. */
const OFTEN: ReadonlySet<string> = new Set(['imageRef', 'networks'])

const BAD_TEXTS = [
  ...['', ' ', HUGE, '\u0000', 'a\u0000b', '\n', '\u001b[31m', '\u007f', '\u202egnp.exe', '\ud800', '\u{10ffff}', 'é'.repeat(3000), '‮', '\u2028'],
  ...[
    '../../../etc/passwd',
    '..\\..\\',
    '%2e%2e%2f',
    '%00',
    "'; DROP TABLE event; --",
    '$' + '{x}',
    '{{x}}',
    '__proto__',
    'constructor',
    'toString',
    'null',
  ],
  ...['NaN', '-1', '1e309', '0x10', '٣', '1'.repeat(400), '*', 'in:', '!', ',', ':', 'VCPU:0', 'VCPU:99999999999', 'VCPU:1,', '[1]'],
]

const BAD_NUMBERS = [-1, 0, 0.5, 2 ** 31, 2 ** 53, -(2 ** 53), 1e21, 1e308, 5e-324]

const deep = (depth: number): Json => (depth === 0 ? 1 : { a: [deep(depth - 1)] })

/** Of any type, as no schema expects it. */
export const oddValue = (random: Random): Json =>
  random.pick<() => Json>([
    () => random.pick(BAD_TEXTS),
    () => random.pick(BAD_TEXTS),
    () => random.pick(BAD_NUMBERS),
    () => random.pick<Json>([null, true, false, [], {}, [[]], [null], { '': null }]),
    () => Array.from({ length: 1000 }, () => 'x'),
    () => deep(200),
    () => Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`k${i}`, i])),
    () => JSON.parse('{"__proto__": {"polluted": true}, "constructor": {"prototype": {"polluted": true}}}') as Json,
  ])()

export const oddText = (random: Random): string => random.pick(BAD_TEXTS)

const listOf = (value: Json | undefined): readonly Json[] => (Array.isArray(value) ? value : [])
const schemaOf = (value: Json | undefined): Schema => (isRecord(value) ? value : {})
const numberOf = (value: Json | undefined, otherwise: number): number => (typeof value === 'number' ? value : otherwise)

const patterns = new Map<string, RegExp>()

function patternOf(text: string): RegExp {
  const pattern = patterns.get(text) ?? new RegExp(text, 'u')
  patterns.set(text, pattern)
  return pattern
}

/** What values are drawn with. */
export interface Draw {
  readonly random: Random
  /** Ids and names of what is there. */
  readonly known: readonly string[]
  /** N of the microversion that the value is for. */
  readonly minor: number
}

function textFor(schema: Schema, { random, known }: Pick<Draw, 'random' | 'known'>, field = ''): string {
  const { pattern } = schema
  const min = numberOf(schema.minLength, 0)
  const max = numberOf(schema.maxLength, 255)
  const matches = typeof pattern === 'string' ? patternOf(pattern) : null
  const fits = (text: string): boolean => text.length >= min && text.length <= max && (matches === null || matches.test(text))
  const likely = (Object.hasOwn(HINTS, field) ? (HINTS[field] ?? []) : []).filter(fits)
  if (likely.length > 0 && random.chance(0.95)) return random.pick(likely)
  const all = [...known, ...TEXTS]
  // From some place on: looking at all of them costs more than the request.
  const from = random.int(0, all.length - 1)
  return [...all.slice(from), ...all.slice(0, from)].find(fits) ?? 'a'.repeat(Math.max(1, min))
}

/** Whether a part is in the version asked for. */
const isOf = (part: Schema, minor: number): boolean =>
  minor >= numberOf(part['x-since'], 0) && minor < numberOf(part['x-until'], Number.POSITIVE_INFINITY)

/** A value that fits `schema`, as far as a pattern can be guessed. */
export function valueFor(schema: Schema, draw: Draw, depth = 0, field = ''): Json {
  if ('const' in schema) return schema.const ?? null
  const options = [...listOf(schema.enum)]
  if (options.length > 0) return draw.random.pick(options)
  const branches = [...listOf(schema.anyOf), ...listOf(schema.oneOf)]
  const text = branches.find(branch => schemaOf(branch).type === 'string')
  if (text !== undefined && Object.hasOwn(HINTS, field) && draw.random.chance(0.9)) return valueFor(schemaOf(text), draw, depth, field)
  if (branches.length > 0) return valueFor(schemaOf(draw.random.pick(branches)), draw, depth, field)
  const type = Array.isArray(schema.type) ? draw.random.pick(schema.type) : schema.type
  switch (type) {
    case 'string':
      return textFor(schema, draw, field)
    case 'integer':
    case 'number': {
      const low = numberOf(schema.minimum, 0)
      return draw.random.pick([low, Math.min(numberOf(schema.maximum, 1000), low + 1), Math.min(numberOf(schema.maximum, 1000), low + 7)])
    }
    case 'boolean':
      return draw.random.chance(0.5)
    case 'array': {
      const count = depth > MAX_DEPTH ? 0 : draw.random.int(numberOf(schema.minItems, 0), Math.min(numberOf(schema.maxItems, 3), 3))
      return Array.from({ length: count }, () => valueFor(schemaOf(schema.items), draw, depth + 1, field))
    }
    case 'object':
      return objectFor(schema, draw, depth)
    default:
      return null
  }
}

function objectFor(schema: Schema, draw: Draw, depth: number): Json {
  const properties = Object.entries(schemaOf(schema.properties)).filter(([, part]) => isOf(schemaOf(part), draw.minor))
  const required = listOf(schema.required)
  const most = numberOf(schema.maxProperties, Number.POSITIVE_INFINITY)
  const chosen = properties.filter(([name]) => required.includes(name) || (depth <= MAX_DEPTH && draw.random.chance(OFTEN.has(name) ? 0.9 : 0.2)))
  const needed = numberOf(schema.minProperties, 0)
  while (chosen.length < Math.min(needed, properties.length)) chosen.push(draw.random.pick(properties.filter(item => !chosen.includes(item))))
  const object: Record<string, Json> = {}
  for (const [name, part] of chosen.slice(0, most)) object[name] = valueFor(schemaOf(part), draw, depth + 1, name)
  for (const [pattern, part] of Object.entries(schemaOf(schema.patternProperties))) {
    if (!draw.random.chance(0.6)) continue
    object[textFor({ pattern, maxLength: 255 }, { random: draw.random, known: [] })] = valueFor(schemaOf(part), draw, depth + 1)
  }
  return object
}

/** Ways to spoil a value that fits. */
const SPOILERS: readonly ((value: Json, random: Random) => Json)[] = [
  (_, random) => oddValue(random),
  (value, random) => atSomePlace(value, random, () => oddValue(random)),
  (value, random) => atSomePlace(value, random, () => random.pick(BAD_TEXTS)),
  (value, random) => atSomePlace(value, random, inner => (typeof inner === 'string' ? HUGE : inner === null ? 0 : null)),
  (value, random) =>
    atSomeObject(value, random, object => ({ ...object, [random.pick(['extra', HUGE, '', 'Ünïcode', '\u0000', 'id'])]: oddValue(random) })),
  (value, random) =>
    atSomeObject(value, random, object => Object.fromEntries(Object.entries(object).filter((_, i, all) => i !== random.int(0, all.length - 1)))),
]

export const spoiled = (value: Json, random: Random): Json => random.pick(SPOILERS)(value, random)

function atSomePlace(value: Json, random: Random, change: (inner: Json) => Json): Json {
  if (Array.isArray(value) && value.length > 0 && random.chance(0.8)) {
    const at = random.int(0, value.length - 1)
    return value.map((item, i) => (i === at ? atSomePlace(item, random, change) : item))
  }
  if (isRecord(value) && Object.keys(value).length > 0 && random.chance(0.9)) {
    const name = random.pick(Object.keys(value))
    return { ...value, [name]: atSomePlace(value[name] ?? null, random, change) }
  }
  return change(value)
}

const atSomeObject = (value: Json, random: Random, change: (object: Schema) => Json): Json =>
  isRecord(value) && Object.values(value).some(isRecord) && random.chance(0.7)
    ? Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, isRecord(inner) ? atSomeObject(inner, random, change) : inner]))
    : isRecord(value)
      ? change(value)
      : oddValue(random)
