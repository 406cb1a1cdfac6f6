/**
 * A guest store in a folder:
 *
 *     guests/<instance>.json   one record each, replaced by rename
 *     history.log              one effect per line, as JSON; at ROTATE_BYTES it becomes history.log.1
 *
 * Lines that come while an append is under way are gathered and written by the next one.
 */
import { appendFileSync, closeSync, existsSync, openSync, readFileSync, renameSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { appendFile, mkdir, open, readdir, readFile, rename, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type Static, Type } from 'typebox'
import { Value } from 'typebox/value'
import { BatonError } from '../../kernel/errors.ts'
import { limiter } from './queue.ts'
import { checkInstanceId, DRIVER_METHODS } from './rules.ts'
import type { Effect, GuestStore } from './store.ts'

const RECENT_BYTES = 4 * 1024 * 1024
const ROTATE_BYTES = 64 * 1024 * 1024
const READS_AT_ONCE = 32

export const EffectSchema = Type.Object({
  at: Type.Number(),
  instance: Type.String(),
  method: Type.Enum([...DRIVER_METHODS, 'bury']),
  order: Type.Number(),
})

export interface FolderStoreOptions<G> {
  readonly folder: string
  /** Narrows a record read from disk; null when it is none. */
  readonly parse: (value: unknown) => G | null
  /** Told of records that cannot be read; they are left in place and not listed. */
  readonly onUnreadable: (file: string) => void
}

export function folderStore<G>(options: FolderStoreOptions<G>): GuestStore<G> {
  const guestsFolder = join(options.folder, 'guests')
  const history = appender(join(options.folder, 'history.log'))
  const fileOf = (instance: string): string => {
    checkInstanceId(instance)
    return join(guestsFolder, `${instance}.json`)
  }

  async function readGuest(file: string): Promise<G | null> {
    const guest = await readFile(join(guestsFolder, file), 'utf8').then(parseJson, () => undefined)
    const parsed = guest === undefined ? null : options.parse(guest)
    if (parsed === null) options.onUnreadable(join(guestsFolder, file))
    return parsed
  }

  return {
    async load() {
      try {
        await mkdir(guestsFolder, { recursive: true, mode: 0o700 })
        const files = await readdir(guestsFolder)
        const slots = limiter(READS_AT_ONCE)
        const records = files.filter(file => file.endsWith('.json')).map(file => slots(() => readGuest(file)))
        const guests = (await Promise.all(records)).filter(guest => guest !== null)
        return { guests, recent: await history.recent() }
      } catch (cause) {
        throw new BatonError('DataFolder', `the driver cannot use ${options.folder}: ${messageOf(cause)}`, { cause })
      }
    },
    async put(instance, guest, permit) {
      const file = fileOf(instance)
      // A small file into the page cache takes less time than the four hops through the thread pool would.
      // Begun before the permit is shown: if we stand still in between, the watchdog removes what was begun, and the rename fails.
      const begun = openSync(newFile(file), 'w', 0o600)
      try {
        permit?.()
        writeSync(begun, JSON.stringify(guest))
      } finally {
        closeSync(begun)
      }
      try {
        renameSync(newFile(file), file)
      } catch (cause) {
        if (!permit || existsSync(newFile(file))) throw cause
        throw new BatonError('LeaseExpired', `the lease of this host ran out while the record of guest ${instance} was written`, { cause })
      }
    },
    remove: async instance => rmSync(fileOf(instance), { force: true }),
    append: history.append,
  }
}

const newFile = (file: string): string => `${file}.new`

/**
 * The watchdog's way to the record of a guest whose agent may stand still anywhere: `change` is given the record and answers with the new
 * one, or null to leave it. What the agent has begun to write is taken away first. False when nothing was changed. Throws when it cannot be written.
 */
export function overrule(folder: string, instance: string, change: (record: unknown) => object | null): boolean {
  checkInstanceId(instance)
  const file = join(folder, 'guests', `${instance}.json`)
  rmSync(newFile(file), { force: true })
  const record = existsSync(file) ? parseJson(readFileSync(file, 'utf8')) : undefined
  const changed = record === undefined ? null : change(record)
  if (changed === null) return false
  writeFileSync(`${file}.watchdog`, JSON.stringify(changed), { mode: 0o600 })
  renameSync(`${file}.watchdog`, file)
  return true
}

/** Every effect in the history of a folder, oldest first: for tests and for people who want to know what happened. */
export async function readHistory(folder: string): Promise<Effect[]> {
  const files = [join(folder, 'history.log.1'), join(folder, 'history.log')]
  const texts = await Promise.all(files.map(file => tailOf(file, ROTATE_BYTES * 2)))
  return texts.flatMap(parseEffects)
}

function appender(file: string): { append(effect: Effect): Promise<void>; recent(): Promise<Effect[]> } {
  let gathering: { readonly lines: string[]; readonly written: Promise<void> } | null = null
  let last: Promise<void> = Promise.resolve()
  let size = 0

  async function write(lines: readonly string[]): Promise<void> {
    const text = lines.join('')
    if (size + text.length > ROTATE_BYTES) {
      await rename(file, `${file}.1`)
      size = 0
    }
    appendFileSync(file, text, { mode: 0o600 })
    size += text.length
  }

  return {
    append(effect) {
      if (gathering === null) {
        const lines: string[] = []
        const written = last.then(() => {
          gathering = null
          return write(lines)
        })
        last = written.catch(() => {})
        gathering = { lines, written }
      }
      gathering.lines.push(`${JSON.stringify(effect)}\n`)
      return gathering.written
    },
    async recent() {
      size = await stat(file).then(
        found => found.size,
        () => 0,
      )
      const current = await tailOf(file, RECENT_BYTES)
      // An agent that died while it wrote leaves half a line; the next one must not continue it.
      if (current !== '' && !current.endsWith('\n')) await appendFile(file, '\n')
      const before = size < RECENT_BYTES ? await tailOf(`${file}.1`, RECENT_BYTES) : ''
      return [...parseEffects(before), ...parseEffects(current)]
    },
  }
}

const parseEffects = (text: string): Effect[] => text.split('\n').flatMap(line => parseEffect(line) ?? [])

function parseEffect(line: string): Effect | null {
  const value = line === '' ? undefined : parseJson(line)
  return isEffect(value) ? value : null
}

const isEffect = (value: unknown): value is Static<typeof EffectSchema> => Value.Check(EffectSchema, value)

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The last `maxBytes` of a file as text; empty when there is no such file. A character cut in two is left out. */
export async function tailOf(file: string, maxBytes: number): Promise<string> {
  const handle = await open(file, 'r').catch(() => null)
  if (handle === null) return ''
  try {
    const { size } = await handle.stat()
    const length = Math.min(size, Math.max(0, Math.floor(maxBytes)))
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, size - length)
    let start = 0
    // Bytes 10xxxxxx continue a character that began before the cut.
    if (length < size) while (start < Math.min(3, bytesRead) && (buffer.readUInt8(start) & 0xc0) === 0x80) start++
    return buffer.toString('utf8', start, bytesRead)
  } finally {
    await handle.close()
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
