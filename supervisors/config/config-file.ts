/**
 * `baton.yaml` as text: reading it with the position of every mistake, and writing the commented sample.
 * A mistake is data (`Mistake`); all of a file are reported at once, so that it is corrected in one go.
 */
import { isAlias, isMap, isNode, isScalar, isSeq, LineCounter, type Pair, parseDocument } from 'yaml'
import { nearest } from './config-nearest.ts'
import { allows, CONFIG_KEYS, type ConfigValue, configEntries, environmentName, expected, isConfigKey, type KeySpec } from './config-table.ts'

export interface Mistake {
  /** `baton.yaml:3:5`, `BATON_HTTP_PORT` or `--port`. */
  readonly where: string
  readonly what: string
}

export interface ReadResult {
  readonly values: ReadonlyMap<string, ConfigValue>
  readonly mistakes: readonly Mistake[]
}

const sections = new Set(
  configEntries().flatMap(([key]) => {
    const parts = key.split('.')
    return parts.slice(1).map((_, i) => parts.slice(0, i + 1).join('.'))
  }),
)

export const unknownKey = (path: string): string => {
  const guess = nearest(path, [...Object.keys(CONFIG_KEYS), ...sections])
  return `unknown key \`${path}\`${guess === null ? '; `baton config sample` lists all keys' : `; did you mean \`${guess}\`?`}`
}

export function wrongValue(path: string, spec: KeySpec, value: unknown): string {
  const problem = spec.kind === 'text' && typeof value === 'string' && value !== '' ? (spec.problem?.(value) ?? null) : null
  if (problem !== null) return `\`${path}\`: ${problem}`
  const isSecret = spec.kind === 'text' && spec.secret === true
  return `\`${path}\` must be ${expected(spec)}${isSecret ? '' : `, not ${describe(value)}`}`
}

const describe = (value: unknown): string => {
  if (typeof value === 'object' && value !== null) return 'a list or mapping'
  return typeof value === 'string' ? JSON.stringify(value) : String(value)
}

/** Reads the text of a configuration file. Never throws on bad text: what is wrong comes back as `mistakes`. */
export function readConfigText(text: string, file: string): ReadResult {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  const at = (offset: number): string => {
    const { line, col } = lines.linePos(offset)
    return `${file}:${line}:${col}`
  }
  const values = new Map<string, ConfigValue>()
  const mistakes: Mistake[] = document.errors.map(e => ({ where: at(e.pos[0]), what: e.message }))

  const readEntry = (pair: Pair, prefix: string, mapOffset: number): void => {
    const offset = isScalar(pair.key) ? (pair.key.range?.[0] ?? mapOffset) : mapOffset
    if (!isScalar(pair.key)) {
      mistakes.push({ where: at(offset), what: 'a key must be a plain name' })
      return
    }
    const path = `${prefix}${String(pair.key.value)}`
    if (isConfigKey(path)) readValue(path, pair.value, offset)
    else if (sections.has(path)) readSection(pair.value, path, offset)
    else mistakes.push({ where: at(offset), what: unknownKey(path) })
  }

  const readValue = (path: keyof typeof CONFIG_KEYS, found: unknown, keyOffset: number): void => {
    const node = isAlias(found) ? found.resolve(document) : found
    const value: unknown = isScalar(node) ? node.value : isSeq(node) ? node.toJSON() : node
    const offset = isNode(node) && node.range ? node.range[0] : keyOffset
    if (allows(CONFIG_KEYS[path], value)) values.set(path, value)
    else mistakes.push({ where: at(offset), what: wrongValue(path, CONFIG_KEYS[path], value) })
  }

  const readSection = (found: unknown, path: string, keyOffset: number): void => {
    const node = isAlias(found) ? found.resolve(document) : found
    if (isMap(node)) for (const pair of node.items) readEntry(pair, path === '' ? '' : `${path}.`, node.range?.[0] ?? keyOffset)
    else if (!(node === null || node === undefined || (isScalar(node) && node.value === null)))
      mistakes.push({ where: at(keyOffset), what: path === '' ? 'the file must be a mapping of keys' : `\`${path}\` must be a mapping of keys` })
  }

  if (mistakes.length === 0) readSection(document.contents, '', 0)
  return { values, mistakes }
}

const valueText = (value: ConfigValue): string => (typeof value === 'string' || Array.isArray(value) ? JSON.stringify(value) : String(value))

/** A complete, commented `baton.yaml` with every key at its default. Reading it back gives exactly the defaults. */
export function sampleConfig(): string {
  const out = ['# baton.yaml: every key with its default. Flags win over the environment, the environment over this file.']
  let open: readonly string[] = []
  for (const [key, spec] of configEntries()) {
    const path = key.split('.')
    const parents = path.slice(0, -1)
    const shared = parents.findIndex((part, i) => open[i] !== part)
    const from = shared < 0 ? parents.length : shared
    for (let depth = from; depth < parents.length; depth++) out.push(...(depth === 0 ? [''] : []), `${'  '.repeat(depth)}${parents[depth]}:`)
    open = parents
    const indent = '  '.repeat(parents.length)
    out.push(
      `${indent}# ${spec.about}`,
      `${indent}# ${capital(expected(spec))}; ${environmentName(key)}.`,
      `${indent}${path.at(-1)}: ${valueText(spec.default)}`,
    )
  }
  return `${out.join('\n')}\n`
}

const capital = (line: string): string => line.charAt(0).toUpperCase() + line.slice(1)
