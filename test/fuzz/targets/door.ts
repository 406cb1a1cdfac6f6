/**
 * What somebody from outside may say at a gateway's door for agents: greetings whole and damaged, in any order, from several connections. Whatever
 * comes, only who has proved a key begins a session, what is answered are words of the door, little is remembered, and an honest agent comes in.
 */
import type { Json } from '../../../actors/kernel/define.ts'
import { createAgentDoor, DOOR_LIMITS } from '../../../transport/agents/door.ts'
import { parseDoorSaid, parseGreeting } from '../../../transport/agents/greeting.ts'
import { createKeyPair, proofOf } from '../../../transport/agents/keys.ts'
import type { Link, Peer } from '../../../transport/link.ts'
import { manualEnv } from '../env.ts'
import { mutateJson, mutateText } from '../mutate.ts'
import { Finding, listOf, type Target, textOf } from '../target.ts'

const AGENT = '11111111-1111-4111-8111-111111111111'
const KEYS = createKeyPair()
const DOOR = createKeyPair()
const SAMPLES: readonly Json[] = [
  { type: 'knock', version: 1, agent: AGENT, key: KEYS.publicKey },
  { type: 'knock', version: 1, agent: AGENT, key: '0'.repeat(64) },
  { type: 'proof', mac: 'a'.repeat(64) },
  { type: 'hello', version: 1, agent: 'a/1', boot: 'b1', instance: AGENT, service: 's', methods: [] },
  { type: 'heartbeat', seq: 1, status: 'ACTIVE' },
]

export function doorTarget(): Target {
  return {
    name: 'door',
    seeds: [SAMPLES.map(each => JSON.stringify(each)), ['{', 'null', '"knock"'], [JSON.stringify(SAMPLES[0]), JSON.stringify(SAMPLES[0])]],
    mutate(input, random): Json {
      const lines = listOf(input).map(textOf)
      const at = random.int(0, Math.max(0, lines.length - 1))
      if (lines.length === 0 || (lines.length < 12 && random.chance(0.3))) return [...lines, JSON.stringify(random.pick(SAMPLES))]
      if (random.chance(0.1)) return lines.toSpliced(at, 1)
      return lines.with(at, random.chance(0.6) ? changed(lines[at] ?? '', random) : mutateText(lines[at] ?? '', random))
    },
    run: async input => visit(listOf(input).map(textOf)),
  }
}

/** Changed as a value, so that it still is JSON. */
function changed(text: string, random: Parameters<Target['mutate']>[1]): string {
  try {
    return JSON.stringify(mutateJson(JSON.parse(text), random))
  } catch {
    return mutateText(text, random)
  }
}

async function visit(lines: readonly string[]): Promise<void> {
  const env = manualEnv()
  const said: { readonly to: Peer; readonly line: string }[] = []
  let take: (peer: Peer, message: Uint8Array) => void = () => {}
  const link: Pick<Link, 'send' | 'onMessage'> = {
    send(to, message) {
      said.push({ to, line: Buffer.from(message).toString() })
      return 'sent'
    },
    onMessage(handler) {
      take = handler
    },
  }
  const admitted: string[] = []
  const door = createAgentDoor({
    ...{ env, link, keys: DOOR, aliveMs: 1000 },
    admit: async (agent, key) => void admitted.push(`${agent} ${key}`),
    onCame() {},
  })
  const say = (peer: Peer, line: string): void => take(peer, Buffer.from(line))
  for (const [i, line] of lines.entries()) {
    say(`peer${i % 3}`, line)
    env.elapse(100)
    await Promise.resolve()
  }
  if (admitted.length > 0) throw new Finding('somebody came in without a proof')
  if (said.length > lines.length + DOOR_LIMITS.strangers) throw new Finding(`the door said ${said.length} things to ${lines.length}`)
  for (const { line } of said) if (!parseDoorSaid(line)) throw new Finding(`the door said ${line}`)
  const knock = JSON.stringify(SAMPLES[0])
  if (!parseGreeting(knock)) throw new Finding('a knock is not understood')
  say('honest', knock)
  const asked = said.map(each => parseDoorSaid(each.line)).findLast(each => each?.type === 'prove')
  if (asked?.type !== 'prove') throw new Finding('who knocks is not asked for a proof')
  say('honest', JSON.stringify({ type: 'proof', mac: proofOf(KEYS, DOOR.publicKey, { agent: AGENT, nonce: asked.nonce }) }))
  for (let i = 0; i < 4; i++) await Promise.resolve()
  if (!door.isHere(AGENT)) throw new Finding('an honest agent is not let in')
  door.stop()
  if (env.waiting() > 0) throw new Finding(`${env.waiting()} timers were left behind`)
}
