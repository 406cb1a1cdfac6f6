/** Whom the script logs in as beside the admin: clouds of a file that the session writes. */
import { readFile, writeFile } from 'node:fs/promises'
import { parse, stringify } from 'yaml'

export const ANN = { username: 'ann', password: 'a-long-password', project_name: 'demo' } as const

/**
 * Writes the clouds of `file` to another one, and beside `baton` the admin with an `older` API, `ann`, and a `guess` at her password;
 * resolves to its path.
 */
export async function withPeople(file: string): Promise<string> {
  const { clouds } = parse(await readFile(file, 'utf8'))
  const { baton } = clouds
  const as = (who: object) => ({ ...baton, auth: { ...baton.auth, ...who } })
  const path = `${file}.people`
  const older = { ...baton, compute_api_version: '2.87' }
  const people = { baton, older, ann: as(ANN), guess: as({ ...ANN, password: 'a-wrong-password' }) }
  await writeFile(path, stringify({ clouds: people }), { mode: 0o600 })
  return path
}
