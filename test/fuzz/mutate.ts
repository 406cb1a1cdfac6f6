/** Small changes to values, texts and bytes: those that find what was forgotten. */
import type { Json } from '../../actors/kernel/define.ts'
import type { Random } from '../sim/random.ts'
import { isRecord } from './target.ts'

const NUMBERS = [0, -1, 1, 0.5, -0.5, 2 ** 31, 2 ** 32, 2 ** 53, -(2 ** 53), 1e21, 1e308, -1e308, 5e-324]
const TEXTS = [
  ...[
    '',
    ' ',
    '0',
    '-1',
    'null',
    'true',
    '__proto__',
    'constructor',
    'toString',
    'hasOwnProperty',
    '../../etc/passwd',
    '%00',
    '%2e%2e%2f',
    '%',
    '%zz',
  ],
  ...[
    '\u0000',
    '\ud800',
    '\u{1f600}',
    '\u202e',
    '\n',
    '\r\n',
    '\t',
    "'",
    '"',
    '`',
    '\\',
    '$' + '{x}',
    '{}',
    '[]',
    '<x>',
    'a'.repeat(300),
    'é'.repeat(100),
  ],
  ...[
    '1e400',
    'NaN',
    'Infinity',
    '0x10',
    '1_000',
    '--',
    '-',
    '=',
    ',',
    ';',
    ':',
    '?',
    '#',
    '&',
    '*',
    '!!js',
    '&a',
    '*a',
    '|',
    '>',
    '@',
    'i1',
    'i1.1',
  ],
]
/** Values of a mutated input, at most: it must not grow without end. */
const MAX_ITEMS = 200
const MAX_TEXT = 4000
const MAX_DEPTH = 40

const odd = (random: Random): Json => random.pick<Json>([null, true, false, {}, [], random.pick(NUMBERS), random.pick(TEXTS)])

export function mutateText(text: string, random: Random): string {
  const at = random.int(0, text.length)
  const to = Math.min(text.length, at + random.int(0, 8))
  const made = random.pick([
    () => text.slice(0, at) + random.pick(TEXTS) + text.slice(at),
    () => text.slice(0, at) + text.slice(to),
    () => text.slice(0, at) + String.fromCharCode(random.int(0, random.chance(0.9) ? 127 : 0xffff)) + text.slice(at + 1),
    () => text.slice(0, to) + text.slice(at, to).repeat(random.int(1, 20)) + text.slice(to),
    () => text.slice(at) + text.slice(0, at),
    () => random.pick(TEXTS),
  ])()
  return made.slice(0, MAX_TEXT)
}

function mutateNumber(value: number, random: Random): number {
  const changed = random.pick([value + 1, value - 1, -value, value * 2, value / 2, random.int(0, 300), random.pick(NUMBERS)])
  return Number.isFinite(changed) ? changed : 0
}

/** One change somewhere in a value; `also` are other inputs from which parts are taken. */
export function mutateJson(value: Json, random: Random, depth = 0): Json {
  if (depth > MAX_DEPTH || random.chance(0.05)) return odd(random)
  if (typeof value === 'string') return mutateText(value, random)
  if (typeof value === 'number') return mutateNumber(value, random)
  if (Array.isArray(value)) return mutateList(value, random, depth)
  if (isRecord(value)) return mutateRecord(value, random, depth)
  return odd(random)
}

function mutateList(list: readonly Json[], random: Random, depth: number): Json {
  if (list.length === 0) return [odd(random)]
  const at = random.int(0, list.length - 1)
  const item = list[at] ?? null
  const how = random.next()
  if (how < 0.1) return list.toSpliced(at, 1)
  if (how < 0.2 && list.length < MAX_ITEMS) return list.toSpliced(at, 0, item)
  if (how < 0.25 && list.length < MAX_ITEMS) return list.toSpliced(at, 0, odd(random))
  if (how < 0.3) return list.toReversed()
  return list.with(at, mutateJson(item, random, depth + 1))
}

function mutateRecord(record: { readonly [name: string]: Json }, random: Random, depth: number): Json {
  const names = Object.keys(record)
  const how = random.next()
  if (names.length === 0 || how < 0.08) return names.length < MAX_ITEMS ? { ...record, [random.pick(TEXTS)]: odd(random) } : record
  const name = random.pick(names)
  const { [name]: value = null, ...rest } = record
  if (how < 0.16) return rest
  if (how < 0.2) return { ...rest, [mutateText(name, random)]: value }
  if (how < 0.24) return { ...record, [name]: record[random.pick(names)] ?? null }
  return { ...record, [name]: mutateJson(value, random, depth + 1) }
}

/** Bytes written as hexadecimal text. */
export function mutateHex(hex: string, random: Random): string {
  const bytes = Buffer.from(hex, 'hex')
  const at = random.int(0, Math.max(0, bytes.length - 1))
  const to = Math.min(bytes.length, at + random.int(1, 8))
  const extra = Buffer.from(
    Array.from({ length: random.int(1, 6) }, () => random.pick([0, 1, 0x7f, 0x80, 0xc0, 0xc1, 0xd4, 0xdd, 0xdf, 0xff, random.int(0, 255)])),
  )
  const made = random.pick([
    () => Buffer.concat([bytes.subarray(0, at), extra, bytes.subarray(at)]),
    () => Buffer.concat([bytes.subarray(0, at), bytes.subarray(to)]),
    () => Buffer.concat([bytes.subarray(0, at), extra, bytes.subarray(at + extra.length)]),
    () => Buffer.concat([bytes.subarray(0, to), bytes.subarray(at)]),
    () => bytes.subarray(0, at),
    () => Buffer.concat([bytes.subarray(0, at), Buffer.from([(bytes[at] ?? 0) ^ (1 << random.int(0, 7))]), bytes.subarray(at + 1)]),
  ])()
  return made.subarray(0, MAX_TEXT).toString('hex')
}
