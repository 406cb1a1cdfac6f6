/** The repository as plain data, and the little reading of TypeScript that the rules need. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface SourceFile {
  /** Relative to the root, with slashes. */
  readonly path: string
  readonly text: string
}

export interface Violation {
  readonly path: string
  /** From 1; 0 for the file as a whole. */
  readonly line: number
  readonly what: string
}

const SKIPPED_FOLDERS = new Set(['node_modules', '.git', '.baton', '.cache'])
const TEXT = /(?:\.(?:tsx?|js|mjs|md|json|yaml|yml|html|css|sh)|^bin\/baton|^\.ci\/run)$/

/** All text files of the repository. */
export function readTree(root: string, folder = ''): SourceFile[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap(entry => {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`
    if (entry.isDirectory()) return SKIPPED_FOLDERS.has(entry.name) ? [] : readTree(root, path)
    return entry.isFile() && TEXT.test(path) && path !== 'package-lock.json' ? [{ path, text: readFileSync(join(root, path), 'utf8') }] : []
  })
}

export const isCode = (path: string): boolean => /\.tsx?$/.test(path)
export const isTest = (path: string): boolean => path.startsWith('test/') || path.startsWith('bench/')

export const under = (path: string, ...folders: readonly string[]): boolean => folders.some(folder => path.startsWith(folder))

export const lineAt = (text: string, offset: number): number => text.slice(0, offset).split('\n').length

type Part = 'code' | 'comment' | 'string'

/** Cuts a source into code, comments and strings. The text within `${}` of a template counts as code. */
function* partsOf(text: string): Generator<{ readonly part: Part; readonly from: number; readonly to: number }> {
  const token =
    /\/\/[^\n]*|\/\*[\s\S]*?\*\/|'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`|[{}]|\/(?![/*])(?:[^/\\\n[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/g
  /** For each open template expression, how many braces are open within it. */
  const templates: number[] = []
  for (let match = token.exec(text); match !== null; match = token.exec(text)) {
    const [found] = match
    const from = match.index
    const depth = templates.at(-1)
    if (found === '{' && depth !== undefined) templates[templates.length - 1] = depth + 1
    else if (found === '}' && depth !== undefined && depth > 0) templates[templates.length - 1] = depth - 1
    else if (found === '`' || (found === '}' && depth === 0)) {
      if (found === '}') templates.pop()
      const to = templateEnd(text, from + 1)
      if (text.startsWith('${', to - 2)) templates.push(0)
      yield { part: 'string', from, to }
      token.lastIndex = to
    } else if (found.startsWith('//') || found.startsWith('/*')) yield { part: 'comment', from, to: from + found.length }
    else if (found.startsWith("'") || found.startsWith('"')) yield { part: 'string', from, to: from + found.length }
    else if (found.startsWith('/')) {
      if (startsRegExp(text, from)) yield { part: 'string', from, to: from + found.length }
      else token.lastIndex = from + 1
    }
  }
}

/** A slash after a value divides; anywhere else it opens a regular expression. */
const startsRegExp = (text: string, at: number): boolean => {
  const before = text.slice(Math.max(0, at - 40), at).trimEnd()
  return before === '' || /(?:[(,=:[!&|?{};>+\-*%~^]|\b(?:return|typeof|case|in|of|do|else|yield|await))$/.test(before)
}

/** The end of a piece of template text: behind its closing backtick or behind the next `${`. */
function templateEnd(text: string, from: number): number {
  for (let i = from; i < text.length; i++) {
    if (text[i] === '\\') i++
    else if (text[i] === '`') return i + 1
    else if (text[i] === '$' && text[i + 1] === '{') return i + 2
  }
  return text.length
}

/** The text with the given parts replaced by spaces, so that offsets and lines stay as they are. */
export function without(text: string, ...parts: readonly Part[]): string {
  let out = ''
  let done = 0
  for (const { part, from, to } of partsOf(text)) {
    if (!parts.includes(part)) continue
    out += text.slice(done, from) + text.slice(from, to).replace(/[^\n]/g, ' ')
    done = to
  }
  return out + text.slice(done)
}

/** Matches that begin in code, not in a comment or a string; what follows may reach into strings. */
export function matchesInCode(text: string, pattern: RegExp): RegExpExecArray[] {
  const code = without(text, 'comment', 'string')
  return [...without(text, 'comment').matchAll(pattern)].filter(m => code[m.index + m[0].search(/\S/)]?.trim() !== '')
}
