/** What befalls nodes, the network, the database, clocks and guests, and how it ends. */
import type { Command } from './commands.ts'
import type { Stage } from './stage.ts'
import { namesOf, timeMs } from './words.ts'

const each =
  (act: (stage: Stage, node: string) => void): Command['run'] =>
  (stage, values) => {
    // All are known before the first is struck.
    for (const node of values.flatMap(word => stage.nodes(word))) act(stage, node)
  }

const ms = (word: string | undefined): number => timeMs(word ?? '') ?? 0

/** Messages from one to the other, or the other way too, are lost from now on, or again heard. */
function separate(stage: Stage, [from = '', to = '']: readonly string[], ways: 'one' | 'both', lost: boolean): void {
  const { blocked } = stage.world.network
  for (const a of stage.nodes(from)) {
    for (const b of stage.nodes(to)) {
      for (const way of ways === 'both' ? [`${a}>${b}`, `${b}>${a}`] : [`${a}>${b}`]) {
        if (lost) blocked.add(way)
        else blocked.delete(way)
      }
    }
  }
}

const share = (word: string | undefined): number => Number.parseFloat(word ?? '') / 100

/** How long a guest that always crashes runs each time. */
const RUNS_FOR_MS = 1000

function crashAlways(stage: Stage, name: string): void {
  const { host, vmState } = stage.instance(name) ?? { host: null, vmState: 'error' }
  if (vmState === 'error' || vmState === 'deleted') return
  if (host) stage.world.crashGuest(host, stage.idOf(name))
  stage.loop.schedule(RUNS_FOR_MS, () => crashAlways(stage, name))
}

export const FAULTS: readonly Command[] = [
  { usage: 'kill NODE', run: each(({ world }, node) => world.kill(node)) },
  { usage: 'start NODE', run: each(({ world }, node) => world.start(node)) },
  {
    usage: 'restart NODE',
    run: each(({ world }, node) => {
      world.kill(node)
      world.start(node)
    }),
  },
  { usage: 'power off NODE', run: each(({ world }, node) => world.powerOff(node)) },
  { usage: 'freeze NODE', run: each(({ world }, node) => world.freeze(node)) },
  { usage: 'thaw NODE', run: each(({ world }, node) => world.thaw(node)) },
  { usage: 'cut off NODE', run: each(({ world }, node) => void world.network.cutOff.add(node)) },
  { usage: 'reconnect NODE', run: each(({ world }, node) => void world.network.cutOff.delete(node)) },
  { usage: 'partition NODE from NODE', run: (stage, values) => separate(stage, values, 'both', true) },
  { usage: 'join NODE with NODE', run: (stage, values) => separate(stage, values, 'both', false) },
  { usage: 'lose messages from NODE to NODE', run: (stage, values) => separate(stage, values, 'one', true) },
  { usage: 'deliver messages from NODE to NODE', run: (stage, values) => separate(stage, values, 'one', false) },
  {
    usage: 'network loses NUMBER',
    run({ world }, [percent]) {
      world.network.drop = share(percent)
    },
  },
  {
    usage: 'network doubles NUMBER',
    run({ world }, [percent]) {
      world.network.duplicate = share(percent)
    },
  },
  {
    usage: 'network takes TIME to TIME',
    run({ world }, [min, max]) {
      world.network.delay = [ms(min), ms(max)]
    },
  },
  {
    usage: 'network is well',
    run: ({ world: { network } }) => Object.assign(network, { drop: 0, duplicate: 0, delay: [0.1, 1] }),
  },
  { usage: 'database away', run: ({ world }) => world.database.setDown(true) },
  { usage: 'database back', run: ({ world }) => world.database.setDown(false) },
  {
    usage: 'clock of database off by TIME',
    run({ world }, [time]) {
      world.clocks.databaseMs = ms(time)
    },
  },
  {
    usage: 'clock of NODE off by TIME',
    run(stage, [word = '', time]) {
      for (const node of stage.nodes(word)) stage.world.clocks.wallMs.set(node, ms(time))
    },
  },
  {
    usage: 'guest of NAME crashes',
    run(stage, [names = '']) {
      for (const name of namesOf(names)) {
        const host = stage.instance(name)?.host
        if (!host) throw new Error(`${name} is on no host`)
        stage.world.crashGuest(host, stage.idOf(name))
      }
    },
  },
  { usage: 'guest of NAME crashes whenever it runs', run: (stage, [name = '']) => crashAlways(stage, name) },
]
