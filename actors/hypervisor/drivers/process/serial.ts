/**
 * The serial line of a process guest: its standard input, a pipe with a name in the folder of its run, and what its supervisor writes down of
 * its output. There is no terminal between them, so its line discipline is done here.
 */
import { closeSync, constants, type FSWatcher, openSync, watch, writeSync } from 'node:fs'
import { access, type FileHandle, open, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Env } from '../../../kernel/env.ts'
import { BatonError, toFault } from '../../../kernel/errors.ts'
import type { GuestStream } from '../../driver.ts'
import { createLineDiscipline } from './line-discipline.ts'

/** Of what the guest has written before, so much is shown at first, bytes. */
const SCROLLBACK_BYTES = 16 * 1024
const READ_BYTES = 16 * 1024
/** A guest that does not read is offered what was typed again after so long, ms. */
const OFFER_MS = 50

/** Rejects `DriverFault` when nobody listens. `run` is the number of the run whose end is the end of the stream. */
export async function openSerial(env: Env, folder: string, run: number): Promise<GuestStream> {
  const input = openInput(folder)
  const line = createLineDiscipline()
  let to: Parameters<GuestStream['start']>[0] | null = null
  let watcher: FSWatcher | null = null
  let output: FileHandle | null = null
  let place = 0
  /** Lines on their way to the guest. */
  let unsent: Uint8Array = new Uint8Array()
  let isPaused = false
  let isOver = false
  let pumping = false
  let again = false

  function close(): void {
    if (isOver) return
    isOver = true
    watcher?.close()
    closeSync(input)
    if (!pumping) output?.close()
  }

  function end(why: string): void {
    if (isOver) return
    close()
    to?.end(why)
  }

  function send(): void {
    if (isOver || unsent.length === 0) return
    try {
      unsent = unsent.subarray(writeSync(input, unsent))
    } catch (error) {
      if (codeOf(error) !== 'EAGAIN') end('the guest does not listen any more')
    }
    if (unsent.length > 0 && !isOver) env.setTimer(OFFER_MS, send)
  }

  /** Reads what is there; the supervisor begins a new file when one is full. */
  async function readOn(): Promise<void> {
    for (;;) {
      output ??= await open(join(folder, 'console')).catch(() => null)
      if (isOver || isPaused || !output) return
      const { buffer, bytesRead } = await output.read(Buffer.alloc(READ_BYTES), 0, READ_BYTES, place)
      place += bytesRead
      if (isOver) return
      if (bytesRead > 0) {
        to?.bytes(line.show(buffer.subarray(0, bytesRead)))
        continue
      }
      const [mine, current] = [await output.stat(), await stat(join(folder, 'console')).catch(() => null)]
      // Between the look at its end and the change of files something may have been written.
      if (!current || current.ino === mine.ino || mine.size > place) {
        if (mine.size > place) continue
        return
      }
      await output.close()
      output = null
      place = 0
    }
  }

  async function pump(): Promise<void> {
    again = true
    if (pumping) return
    pumping = true
    try {
      while (again && !isOver) {
        again = false
        const hasEnded = await exists(join(folder, `exit.${run}`))
        await readOn()
        if (hasEnded && !isPaused && !again) end('the guest has ended')
        else if (!(await exists(folder))) end('the guest is gone')
      }
    } catch (error) {
      env.log.warn({ folder, fault: toFault(error) }, 'the console of a guest cannot be followed')
      end('what the guest writes cannot be read any more')
    } finally {
      pumping = false
      if (isOver) await output?.close().catch(() => {})
    }
  }

  try {
    output = await open(join(folder, 'console')).catch(() => null)
    place = Math.max(0, ((await output?.stat())?.size ?? 0) - SCROLLBACK_BYTES)
    watcher = watch(folder, () => void pump())
    watcher.on('error', () => end('what the guest writes cannot be followed any more'))
  } catch (error) {
    close()
    throw new BatonError('DriverFault', `the console of the guest cannot be followed: ${toFault(error).message}`, { cause: error })
  }

  return {
    start(listener) {
      to = listener
      pump()
    },
    write(bytes) {
      if (isOver) return bytes.length
      if (unsent.length > 0) return 0
      const { echo, send: lines } = line.type(bytes)
      if (echo.length > 0) to?.bytes(echo)
      unsent = lines
      send()
      return bytes.length
    },
    pause() {
      isPaused = true
    },
    resume() {
      isPaused = false
      pump()
    },
    close,
  }
}

function openInput(folder: string): number {
  try {
    return openSync(join(folder, 'input'), constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW)
  } catch (error) {
    if (codeOf(error) === 'ENXIO') throw new BatonError('DriverFault', 'the guest is off, or does not listen to its console')
    throw new BatonError('DriverFault', `the guest has no console to type into; one of an earlier release gets it when it is started again`)
  }
}

const codeOf = (error: unknown): unknown => (error instanceof Error ? Reflect.get(error, 'code') : undefined)

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )
