/**
 * The settings of a node: flags win over the environment, the environment over the file, the file over the defaults.
 * What the keys are stands in `config-table.ts`, how a file is read in `config-file.ts`.
 */
import { readFileSync } from 'node:fs'
import { BatonError } from '../../actors/kernel/errors.ts'
import { type Mistake, readConfigText, unknownKey, wrongValue } from './config-file.ts'
import { nearest } from './config-nearest.ts'
import {
  allows,
  CONFIG_KEYS,
  CONFIG_ORDER,
  CONFIG_SUMS,
  type Config,
  type ConfigKey,
  type ConfigValue,
  configEntries,
  environmentName,
  fromText,
  isConfigKey,
} from './config-table.ts'

export { sampleConfig } from './config-file.ts'
export type { Config, ConfigKey } from './config-table.ts'

export interface ConfigSources {
  /** Path of a `baton.yaml`; without it there is no file. A file that is named must exist. */
  readonly file?: string | undefined
  /** Usually `process.env`. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** By key. Texts are parsed by the type of the key; undefined means not given. */
  readonly flags?: { readonly [K in ConfigKey]?: ConfigValue | undefined }
}

/**
 * Reads all settings. Throws `ConfigInvalid` with one line per mistake: where it stands (file, line and column; variable;
 * or flag), what is expected, and the nearest valid name of an unknown key.
 *
 *     const config = loadConfig({ file: 'baton.yaml', env: process.env, flags: { 'http.port': 9000 } })
 *     config.http.port // 9000
 */
export function loadConfig(sources: ConfigSources = {}): Config {
  const fromFile =
    sources.file === undefined ? { values: new Map<string, ConfigValue>(), mistakes: [] } : readConfigText(readText(sources.file), sources.file)
  const fromEnv = readEnvironment(sources.env ?? {})
  const fromFlags = readFlags(sources.flags ?? {})
  throwIfAny([...fromFile.mistakes, ...fromEnv.mistakes, ...fromFlags.mistakes])

  const defaults = configEntries().map(([key, spec]) => [key, spec.default] as const)
  const values = new Map<string, ConfigValue>([...defaults, ...fromFile.values, ...fromEnv.values, ...fromFlags.values])
  throwIfAny([...outOfOrder(values), ...tooShort(values)])
  return nest(values)
}

function throwIfAny(mistakes: readonly Mistake[]): void {
  if (mistakes.length > 0) throw new BatonError('ConfigInvalid', mistakes.map(m => `${m.where}: ${m.what}`).join('\n'), { details: { mistakes } })
}

const outOfOrder = (values: ReadonlyMap<string, ConfigValue>): Mistake[] =>
  CONFIG_ORDER.filter(([less, more]) => Number(values.get(less)) >= Number(values.get(more))).map(([less, more]) => ({
    where: 'configuration',
    what: `\`${less}\` (${values.get(less)}) must be less than \`${more}\` (${values.get(more)})`,
  }))

const tooShort = (values: ReadonlyMap<string, ConfigValue>): Mistake[] =>
  CONFIG_SUMS.flatMap(([longest, parts]) => {
    const sum = parts.reduce((total, [times, key]) => total + times * Number(values.get(key)), 0)
    const names = parts.map(([times, key]) => (times === 1 ? `\`${key}\`` : `${times} times \`${key}\``)).join(' and ')
    const what = `\`${longest}\` (${values.get(longest)}) must be longer than ${names} together (${sum}); make it longer, or the others shorter`
    return Number(values.get(longest)) > sum ? [] : [{ where: 'configuration', what }]
  })

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : String(error)
    throw new BatonError('ConfigInvalid', `${file}: cannot be read (${reason})`, { cause: error })
  }
}

interface Read {
  readonly values: Map<string, ConfigValue>
  readonly mistakes: Mistake[]
}

/**
 * Picks the `BATON_…` variables. A variable in a section of ours that names no key (`BATON_HTTP_PROT`) is a mistake; other
 * variables that happen to begin with BATON_ are left alone.
 */
function readEnvironment(env: Readonly<Record<string, string | undefined>>): Read {
  const read: Read = { values: new Map(), mistakes: [] }
  const known = new Set<string>()
  for (const [key, spec] of configEntries()) {
    const alias = spec.kind === 'text' ? spec.alias : undefined
    for (const name of [alias, environmentName(key)]) {
      if (name === undefined) continue
      known.add(name)
      const raw = env[name]
      if (raw === undefined) continue
      const value = fromText(spec, raw)
      if (allows(spec, value)) read.values.set(key, value)
      else read.mistakes.push({ where: name, what: wrongValue(key, spec, value) })
    }
  }
  const prefixes = [...new Set(configEntries().map(([key]) => `${environmentName(key.slice(0, key.indexOf('.')))}_`))]
  for (const name of Object.keys(env)) {
    if (known.has(name) || !prefixes.some(p => name.startsWith(p))) continue
    const guess = nearest(name, known)
    read.mistakes.push({ where: name, what: `unknown setting in the environment${guess === null ? '' : `; did you mean ${guess}?`}` })
  }
  return read
}

function readFlags(flags: Readonly<Record<string, ConfigValue | undefined>>): Read {
  const read: Read = { values: new Map(), mistakes: [] }
  for (const [key, given] of Object.entries(flags)) {
    if (given === undefined) continue
    if (!isConfigKey(key)) {
      read.mistakes.push({ where: 'flag', what: unknownKey(key) })
      continue
    }
    const spec = CONFIG_KEYS[key]
    const value = typeof given === 'string' ? fromText(spec, given) : given
    if (allows(spec, value)) read.values.set(key, value)
    else read.mistakes.push({ where: 'flag', what: wrongValue(key, spec, value) })
  }
  return read
}

interface Tree {
  [name: string]: Tree | ConfigValue
}

function nest(values: ReadonlyMap<string, ConfigValue>): Config {
  const root: Tree = {}
  for (const [key, value] of values) {
    const path = key.split('.')
    let level = root
    for (const part of path.slice(0, -1)) level = childOf(level, part)
    level[path.at(-1) ?? ''] = value
  }
  if (!isComplete(root)) throw new BatonError('Internal', 'a key of the configuration table was lost')
  return freeze(root)
}

const isTree = (value: Tree | ConfigValue | undefined): value is Tree => typeof value === 'object' && value !== null && !Array.isArray(value)

function childOf(level: Tree, name: string): Tree {
  const there = level[name]
  if (isTree(there)) return there
  const made: Tree = {}
  level[name] = made
  return made
}

/** Every key of the table is there and fits its description, which is what `Config` promises. */
function isComplete(root: Tree): root is Tree & Config {
  return configEntries().every(([key, spec]) => allows(spec, valueAt(root, key)))
}

/** The value under a dotted key of a nested configuration. */
export function valueAt(config: object, key: string): unknown {
  return key.split('.').reduce<unknown>((level, part) => (typeof level === 'object' && level !== null ? Reflect.get(level, part) : undefined), config)
}

function freeze<T extends object>(tree: T): T {
  for (const value of Object.values(tree)) if (typeof value === 'object' && value !== null) freeze(value)
  return Object.freeze(tree)
}
