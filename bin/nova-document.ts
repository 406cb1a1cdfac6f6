/** docs/nova-api.md: what there is of Nova's API, path by path and version by version, from the tables that the code goes by. */
import { API_REFERENCE, type Standing } from '../transport/http/compute/api-reference.ts'
import { CHANGES } from '../transport/http/requests/changes.ts'
import { MAX_MINOR, MIN_MINOR } from '../transport/http/requests/microversion.ts'

const ORDER: readonly Standing[] = ['done', 'partly', 'missing', 'not applicable']

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows].map(cells => `| ${cells.map(cell => cell.replaceAll('|', '\\|')).join(' | ')} |`).join('\n')

export function novaDocument(): string {
  const rows = ORDER.flatMap(standing => API_REFERENCE.filter(row => row.standing === standing))
  const counts = ORDER.map(standing => `${API_REFERENCE.filter(row => row.standing === standing).length} ${standing}`).join(', ')
  return `# Nova's API in Baton

Made by \`npm run docs\`; do not edit. Microversions 2.${MIN_MINOR} to 2.${MAX_MINOR} are spoken at \`/compute/v2.1\`.

## Paths

${API_REFERENCE.length} rows: ${counts}.

${table(
  ['path', 'methods', 'standing', 'why'],
  rows.map(({ path, methods, standing, why = '' }) => [`\`${path}\``, methods, standing, why]),
)}

## What changes in which microversion

What is not named here did not change for what Baton has. A part of a body that belongs to another version is refused with 400, of a query
it is ignored.

${table(
  ['since', 'change'],
  Object.values(CHANGES).map(({ since, what }) => [`2.${since}`, what]),
)}
`
}
