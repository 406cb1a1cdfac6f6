/** What a file may look like: its length, its lines, its words. */
import { isCode, isTest, lineAt, type SourceFile, under, type Violation, without } from './tree.ts'

const MAX_LINES = 400
const MAX_COLUMNS = 150
/** Docs and data may be long. */
const MEASURED = /(?:\.(?:ts|js|mjs|css|html|sh)|^bin\/baton|^\.ci\/run)$/

export function longFiles(files: readonly SourceFile[]): Violation[] {
  return files
    .filter(f => MEASURED.test(f.path))
    .flatMap(({ path, text }) => {
      const lines = text.replace(/\n$/, '').split('\n').length
      return lines > MAX_LINES ? [{ path, line: 0, what: `has ${lines} lines, over ${MAX_LINES}: it has more than one reason to exist` }] : []
    })
}

export function longLines(files: readonly SourceFile[]): Violation[] {
  return files
    .filter(f => MEASURED.test(f.path))
    .flatMap(({ path, text }) =>
      text
        .split('\n')
        .flatMap((line, i) => (line.length > MAX_COLUMNS ? [{ path, line: i + 1, what: `has ${line.length} columns, over ${MAX_COLUMNS}` }] : [])),
    )
}

/** In two halves, or this file would be found itself. */
const UNFINISHED = new RegExp(`\\b(?:${['TO' + 'DO', 'FIX' + 'ME', 'XX' + 'X'].join('|')})\\b`, 'g')

/** Marks of unfinished work, anywhere, comments included. */
export function unfinished(files: readonly SourceFile[]): Violation[] {
  return files.flatMap(({ path, text }) =>
    [...text.matchAll(UNFINISHED)].map(m => ({ path, line: lineAt(text, m.index), what: `says ${m[0]}: do it, or open an issue` })),
  )
}

/** Printing belongs to the CLI; everything else has a logger. */
export function printing(files: readonly SourceFile[]): Violation[] {
  return inCode(
    files.filter(f => isCode(f.path) && !under(f.path, 'bin/', 'examples/') && !isTest(f.path)),
    /\bconsole\.(?:log|info|warn|error|debug)\b/g,
    'prints; use the logger',
  )
}

/** A test that runs alone hides all others. */
export const onlyTests = (files: readonly SourceFile[]): Violation[] =>
  inCode(
    files.filter(f => isCode(f.path)),
    /\.only\s*\(/g,
    'runs one test alone',
  )

function inCode(files: readonly SourceFile[], pattern: RegExp, what: string): Violation[] {
  return files.flatMap(({ path, text }) =>
    [...without(text, 'comment', 'string').matchAll(pattern)].map(m => ({ path, line: lineAt(text, m.index), what })),
  )
}

/** What a hook throws is swallowed by uvu. */
export const silentHooks = (files: readonly SourceFile[]): Violation[] =>
  inCode(
    files.filter(f => isTest(f.path) && !f.path.startsWith('test/fixtures/')),
    /\.(?:before|after)(?:\.each)?\((?!\s*shown\()/g,
    'has a hook that says nothing when it throws; put it in `shown`',
  )
