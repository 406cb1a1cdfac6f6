/** What an agent outside of guests needs to come in: who it is, its key, and where the doors are. One JSON file that nobody else may read. */
import { readFile, stat } from 'node:fs/promises'
import { checkObject, listOf, text } from '../../actors/kernel/check.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import { hexKey } from './keys.ts'

export interface KeyFile {
  readonly agent: string
  readonly name: string
  readonly endpoints: readonly string[]
  /** Public key of the doors. */
  readonly serverKey: string
  readonly publicKey: string
  readonly secretKey: string
}

const check = checkObject({
  ...{ agent: text(128), name: text(255), serverKey: hexKey, publicKey: hexKey, secretKey: hexKey },
  endpoints: value => listOf(text(255), 100)(value) ?? (Array.isArray(value) && value.length > 0 ? null : 'must name at least one endpoint'),
})

/** Throws `ConfigInvalid` for a file that is not there, that others may read, or that is none. */
export async function readKeyFile(path: string): Promise<KeyFile> {
  const refuse = (why: string): BatonError => new BatonError('ConfigInvalid', `key file ${path} ${why}; \`baton agent create --out\` writes one`)
  const { mode } = await stat(path).catch(() => {
    throw refuse('cannot be read')
  })
  if ((mode & 0o077) !== 0) throw new BatonError('ConfigInvalid', `key file ${path} may be read by others; give it the mode 0600`)
  const value = parsed(await readFile(path, 'utf8'))
  const wrong = check(value)
  if (wrong) throw refuse(`is none: ${wrong}`)
  return value as KeyFile
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return null
  }
}
