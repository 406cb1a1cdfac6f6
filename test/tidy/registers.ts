/** Registers and their uses: error codes, commands and configuration keys are defined once, used, and documented. */
import { isCode, isTest, lineAt, matchesInCode, type SourceFile, type Violation, without } from './tree.ts'

/** Codes begin with a capital; a `refuse('full')` of a link is something else. */
const RAISED = /\b(?:new BatonError|refuse)\(\s*['"]([A-Z][^'"]*)['"]/g
const ERROR_TABLE = 'actors/kernel/errors.ts'
/** They name codes to translate them; that is not raising them. */
const TRANSLATORS = ['bin/exit.ts', 'bin/output/report.ts', 'bin/client/http.ts']
const CONFIG_TABLE = 'supervisors/config/config-table.ts'

/** Codes that are raised but do not exist. */
export function unknownErrors(files: readonly SourceFile[], codes: readonly string[]): Violation[] {
  return files
    .filter(f => isCode(f.path))
    .flatMap(({ path, text }) =>
      matchesInCode(text, RAISED)
        .filter(m => !codes.includes(m[1] ?? ''))
        .map(m => ({ path, line: lineAt(text, m.index), what: `raises ${m[1]}, which is not in the table of errors` })),
    )
}

/** Codes that the product never names. */
export function unusedErrors(files: readonly SourceFile[], codes: readonly string[]): Violation[] {
  const product = files.filter(f => isCode(f.path) && !isTest(f.path) && f.path !== ERROR_TABLE && !TRANSLATORS.includes(f.path))
  const texts = product.map(f => without(f.text, 'comment'))
  return codes
    .filter(code => !texts.some(text => text.includes(`'${code}'`)))
    .map(code => ({ path: ERROR_TABLE, line: 0, what: `${code} is never raised` }))
}

/** Keys of the configuration that the product never reads. */
export function unusedKeys(files: readonly SourceFile[], keys: readonly string[]): Violation[] {
  const product = files.filter(f => isCode(f.path) && !isTest(f.path) && !f.path.startsWith('supervisors/config'))
  const texts = product.map(f => without(f.text, 'comment'))
  const isRead = (key: string): boolean => {
    const name = new RegExp(`\\b${key.slice(key.lastIndexOf('.') + 1)}\\b`)
    return texts.some(text => name.test(text))
  }
  return keys.filter(key => !isRead(key)).map(key => ({ path: CONFIG_TABLE, line: 0, what: `nobody reads ${key}` }))
}

/** Names that the README does not have. Each must stand there as code, alone or with arguments behind it. */
export function undocumented(readme: string, kind: string, names: readonly string[]): Violation[] {
  return names
    .filter(name => !readme.includes(`\`${name}\``) && !readme.includes(`\`${name} `))
    .map(name => ({ path: 'README.md', line: 0, what: `has no ${kind} ${name}; \`npm run docs\` writes the tables` }))
}

/** Files that a document names, whole or by the end of their path, and that are not there. */
export function namedInVain(documents: readonly SourceFile[], files: readonly SourceFile[]): Violation[] {
  const isThere = (name: string): boolean => files.some(f => f.path === name || f.path.endsWith(`/${name}`))
  return documents.flatMap(({ path, text }) =>
    [...text.matchAll(/`([\w./-]+\.(?:ts|md))`/g)]
      .filter(m => !isThere(m[1] ?? ''))
      .map(m => ({ path, line: lineAt(text, m.index), what: `names ${m[1]}, which is not there` })),
  )
}
