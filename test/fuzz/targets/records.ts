/**
 * What a driver may find in its state folder: records of guests and the history of effects, damaged or from an older version. It opens,
 * lists what it can read, names what it cannot, and obeys commands or refuses them as it should; and the next driver on the folder
 * opens it too.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createFakeDriver } from '../../../actors/hypervisor/drivers/fake.ts'
import { folderStore, readHistory } from '../../../actors/hypervisor/drivers/folder-store.ts'
import { FakeGuestSchema, ProcessGuestSchema, parseWith } from '../../../actors/hypervisor/drivers/records.ts'
import type { Json } from '../../../actors/kernel/define.ts'
import { BatonError } from '../../../actors/kernel/errors.ts'
import { manualEnv } from '../env.ts'
import { mutateJson, mutateText } from '../mutate.ts'
import { Finding, field, isRecord, type Target, textOf } from '../target.ts'

const SPEC = { instance: 'a1', name: 'vm', vcpus: 1, ramMb: 64, diskGb: 1, image: 'fake', metadata: { a: 'b' } }
const EFFECT = { at: 1, instance: 'a1', method: 'spawn', order: 1000003 }
const STANDING = { begun: 1000003, order: 1000003, method: 'spawn', effect: EFFECT, spec: SPEC }
const FAKE: Json = { ...STANDING, power: 'running', console: ['login:'] }
const PROCESS: Json = {
  ...STANDING,
  stopped: false,
  paused: false,
  run: { number: 1, method: 'spawn', order: 1, bootId: 'b', pid: 1, startTicks: 2 },
}
const HISTORY = `${JSON.stringify(EFFECT)}\n${JSON.stringify({ ...EFFECT, instance: 'b2', method: 'destroy', order: 2 })}\n`
const COMMANDS = ['spawn', 'start', 'stop', 'destroy', 'pause', 'reboot'] as const

export function recordsTarget(): Target {
  const folder = mkdtempSync(join(tmpdir(), 'baton-fuzz-'))
  let number = 0
  return {
    name: 'records',
    seeds: [
      { record: FAKE, history: HISTORY, command: 'start' },
      { record: PROCESS, history: '', command: 'spawn' },
      { record: JSON.stringify(FAKE).slice(0, 40), history: HISTORY.slice(0, 90), command: 'destroy' },
    ],
    mutate(input, random): Json {
      if (!isRecord(input)) return { record: FAKE, history: '', command: 'spawn' }
      const how = random.next()
      if (how < 0.2) return { ...input, history: mutateText(textOf(field(input, 'history')), random) }
      if (how < 0.3) return { ...input, command: random.pick(COMMANDS) }
      if (how < 0.4) return { ...input, record: mutateText(textOf(field(input, 'record')), random) }
      return { ...input, record: mutateJson(field(input, 'record'), random) }
    },
    async run(input) {
      const own = join(folder, String(number++))
      try {
        await open(own, input)
      } finally {
        rmSync(own, { recursive: true, force: true })
      }
    },
    close: async () => rmSync(folder, { recursive: true, force: true }),
  }
}

async function open(folder: string, input: Json): Promise<void> {
  mkdirSync(join(folder, 'guests'), { recursive: true })
  writeFileSync(join(folder, 'guests', 'a1.json'), textOf(field(input, 'record')))
  writeFileSync(join(folder, 'history.log'), textOf(field(input, 'history')))
  const command = COMMANDS.find(c => c === field(input, 'command')) ?? 'spawn'
  await folderStore({ folder, parse: parseWith(ProcessGuestSchema), onUnreadable() {} }).load()
  for (const order of [1, 3_000_001]) {
    const unreadable: string[] = []
    const store = folderStore({ folder, parse: parseWith(FakeGuestSchema), onUnreadable: file => void unreadable.push(file) })
    const driver = createFakeDriver(manualEnv(), store, { capacity: { vcpus: 1, ramMb: 64, diskGb: 1 } })
    const guests = await driver.list()
    if (guests.length + unreadable.length !== 1 && order === 1)
      throw new Finding(`of one record ${guests.length} were read and ${unreadable.length} not`)
    await obey(() =>
      command === 'spawn'
        ? driver.spawn(SPEC, order)
        : command === 'stop'
          ? driver.stop('a1', order, 0)
          : command === 'reboot'
            ? driver.reboot('a1', order, 'hard')
            : driver[command]('a1', order),
    )
    await obey(() => driver.consoleLog('a1', 100))
    await driver.close()
  }
  await readHistory(folder)
}

async function obey(command: () => Promise<unknown>): Promise<void> {
  try {
    await command()
  } catch (error) {
    if (!(error instanceof BatonError) || error.code === 'Internal') throw error
  }
}
