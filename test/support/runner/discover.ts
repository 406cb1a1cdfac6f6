/** Which files are tests, which of them a command line means, and under which rules each runs. */
import { readdirSync, statSync } from 'node:fs'
import { relative, resolve, sep } from 'node:path'

export interface TestFile {
  /** Relative to the root, with slashes. */
  readonly path: string
  readonly limitMs: number
  /** Whether it keeps a core busy, or mostly waits for what it has started. */
  readonly kind: 'computes' | 'waits'
  /** It gives its cluster so little time that somebody else's work might be taken for a fault. */
  readonly needsQuiet: boolean
}

const SEARCH = 'test'
/** Fixtures are test files that must fail; they run only when they are named. */
const OUTSIDE = 'test/fixtures/'
const SUFFIX = '.test.ts'

const DEFAULT_LIMIT_MS = 60_000
const FOLDER_LIMIT_MS: Readonly<Record<string, number>> = { cluster: 180_000, chaos: 300_000, sim: 240_000 }
/** Folders whose files start clusters, machines and browsers. */
const WAITING = new Set(['browser', 'chaos', 'cluster', 'qemu'])

/** All test files under `root`, sorted, or those that `filters` mean: a file, a folder, or part of a path. */
export function discover(root: string, filters: readonly string[]): string[] {
  const all = readdirSync(resolve(root, SEARCH), { recursive: true, encoding: 'utf8' })
    .map(name => `${SEARCH}/${name.split(sep).join('/')}`)
    .filter(path => path.endsWith(SUFFIX))
    .toSorted()
  const searched = all.filter(path => !path.startsWith(OUTSIDE))
  if (filters.length === 0) return searched
  const chosen = filters.flatMap(filter => {
    const path = relative(root, resolve(filter)).split(sep).join('/')
    if (isFile(resolve(filter))) return [path]
    const under = all.filter(file => file.startsWith(`${path}/`))
    return under.length > 0 ? under : searched.filter(file => file.includes(filter))
  })
  return [...new Set(chosen)].toSorted()
}

const isFile = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isFile() ?? false

/** The rules for one file. Its text may set its own in a comment: `time limit: 240 s`, and that it `needs quiet`. */
export function rulesOf(path: string, text: string): TestFile {
  const folder = path.split('/')[1] ?? ''
  const comments = text.match(/^(?:\/\/|\/?\*| \*).*$/gm)?.join('\n') ?? ''
  const own = comments.match(/\btime limit: (\d+(?:\.\d+)?) s\b/)?.[1]
  return {
    path,
    limitMs: own === undefined ? (FOLDER_LIMIT_MS[folder] ?? DEFAULT_LIMIT_MS) : Number(own) * 1000,
    kind: WAITING.has(folder) ? 'waits' : 'computes',
    needsQuiet: /\bneeds quiet\b/.test(comments),
  }
}
