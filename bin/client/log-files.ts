/**
 * The log files that `baton up` keeps in its data folder, for a bug report: what a node wrote that is gone is nowhere else, and why a
 * cluster does not start neither. Without what is secret.
 */
import { open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { redactText } from '../../supervisors/observe/redact.ts'
import { parseLine } from '../../supervisors/observe/witness.ts'
import { logLine } from '../output/log-line.ts'

/** Of each file, its end. */
const TAIL_BYTES = 512 * 1024
const FILES = 100

export interface LogFile {
  readonly name: string
  readonly text: string
}

/** None where there is no such folder. Rejects when a file cannot be read. */
export async function logFiles(folder: string): Promise<LogFile[]> {
  const logs = join(folder, 'logs')
  const names = await readdir(logs).catch(() => [])
  const wanted = names.filter(name => /^[A-Za-z0-9._-]{1,64}$/.test(name)).toSorted()
  return Promise.all(wanted.slice(0, FILES).map(async name => ({ name, text: shownLines(name, await tailOf(join(logs, name))) })))
}

async function tailOf(path: string): Promise<string> {
  const file = await open(path, 'r')
  try {
    const { size } = await file.stat()
    const from = Math.max(0, size - TAIL_BYTES)
    const bytes = Buffer.alloc(Math.min(size, TAIL_BYTES))
    const { bytesRead } = await file.read(bytes, 0, bytes.length, from)
    const text = bytes.toString('utf8', 0, bytesRead)
    // The first line of a piece is half a line.
    return from === 0 ? text : text.slice(text.indexOf('\n') + 1)
  } finally {
    await file.close()
  }
}

/** Lines of nodes as people read them; others (a runtime's last words, the database's) as they are. */
function shownLines(name: string, text: string): string {
  return text
    .split('\n')
    .map((line, i) => {
      const parsed = line.startsWith('{') ? parseLine(name.replace(/\.log(\.1)?$/, ''), i, line) : null
      return redactText(parsed ? logLine(parsed) : line)
    })
    .join('\n')
}
