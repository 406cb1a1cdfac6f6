import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { address, addressKey, hash32, parseAddress, rootOf, SHARD_COUNT, shardOf } from '../../actors/kernel/address.ts'
import type { Incarnation, Member, ShardMap } from '../../actors/kernel/ports.ts'
import { planShards, preferred } from '../../supervisors/membership/shards.ts'

const SHARDS = Array.from({ length: SHARD_COUNT }, (_, shard) => shard)
const assignment = (nodes: readonly string[]): (string | null)[] => SHARDS.map(shard => preferred(shard, nodes))
const nodeNames = fc.uniqueArray(fc.stringMatching(/^[a-z0-9-]{1,12}$/), { minLength: 1, maxLength: 10 })

test('all observers agree, in whatever order they list the conductors', () => {
  fc.assert(
    fc.property(
      nodeNames.chain(nodes => fc.tuple(fc.constant(nodes), fc.shuffledSubarray(nodes, { minLength: nodes.length }))),
      ([nodes, shuffled]) => assert.equal(assignment(shuffled), assignment(nodes)),
    ),
    { numRuns: 50 },
  )
})

test('removing a conductor moves its shards and no others; adding it again brings back exactly those', () => {
  fc.assert(
    fc.property(nodeNames, fc.nat(), (nodes, n) => {
      const gone = nodes[n % nodes.length] ?? ''
      const before = assignment(nodes)
      const after = assignment(nodes.filter(node => node !== gone))
      for (const shard of SHARDS) {
        if (before[shard] !== gone) assert.is(after[shard], before[shard])
        else assert.is.not(after[shard], gone)
      }
      assert.equal(assignment([...nodes.filter(node => node !== gone), gone]), before)
    }),
    { numRuns: 50 },
  )
})

test('the shares are even, within what chance allows', () => {
  for (const count of [2, 3, 5, 8]) {
    const nodes = Array.from({ length: count }, (_, i) => `conductor-${i + 1}`)
    const even = SHARD_COUNT / count
    const shares = nodes.map(node => assignment(nodes).filter(owner => owner === node).length)
    for (const share of shares) assert.ok(Math.abs(share - even) < 3.5 * Math.sqrt(even), `${count} conductors: ${shares.join(' ')}`)
  }
})

test('without conductors nobody is preferred', () => {
  assert.is(preferred(0, []), null)
})

const member = (incarnation: Incarnation, state: Member['state'] = 'alive', nodeId = `n${incarnation}`): Member => ({
  incarnation,
  nodeId,
  endpoint: `sim://${nodeId}`,
  state,
  pid: 1,
  version: '0',
  host: 'h',
  joinedAt: 0,
  leaseUntil: 0,
  load: {},
})
const mapOf = (owners: readonly Incarnation[]): ShardMap => ({ version: 1, owners, members: [] })
const owners = (of: (shard: number) => Incarnation): ShardMap => mapOf(SHARDS.map(of))

test('what nobody alive owns is claimed by whom it is preferred for, and by nobody else', () => {
  const members = [member(1), member(2), member(3, 'dead')]
  const map = owners(shard => (shard % 2 ? 3 : 0))
  const claims = [1, 2].map(me => planShards(me, members, map).claim)
  assert.equal(
    [...(claims[0] ?? []), ...(claims[1] ?? [])].sort((a, b) => a - b),
    SHARDS,
  )
  for (const shard of claims[0] ?? []) assert.is(preferred(shard, ['n1', 'n2']), 'n1')
})

test('nothing is claimed from the living, also when they are draining', () => {
  const members = [member(1), member(2, 'draining')]
  assert.equal(
    planShards(
      1,
      members,
      owners(() => 2),
    ).claim,
    [],
  )
})

test('who drains gives everything away, evenly, and takes nothing', () => {
  const members = [member(1, 'draining'), member(2), member(3)]
  const plan = planShards(
    1,
    members,
    owners(shard => (shard < 128 ? 1 : 0)),
  )
  assert.equal(plan.claim, [])
  assert.equal(
    [...plan.release.values()].flat().sort((a, b) => a - b),
    SHARDS.slice(0, 128),
  )
  assert.equal([...plan.release.keys()].sort(), [2, 3])
})

test('with nobody to take them, shards stay where they are', () => {
  const plan = planShards(
    1,
    [member(1, 'draining')],
    owners(() => 1),
  )
  assert.equal([plan.claim, [...plan.release]], [[], []])
})

test('a newcomer is given its share by those who have it; a conductor that came back gets the same shards', () => {
  const before = owners(shard => (preferred(shard, ['n1', 'n2']) === 'n1' ? 1 : 2))
  const members = [member(1), member(2), member(3)]
  const given = [1, 2].flatMap(me => [...(planShards(me, members, before).release.get(3) ?? [])]).sort((a, b) => a - b)
  assert.equal(
    given,
    SHARDS.filter(shard => preferred(shard, ['n1', 'n2', 'n3']) === 'n3'),
  )
  const back = planShards(
    9,
    [member(1), member(2), member(9, 'alive', 'n3')],
    owners(() => 0),
  ).claim
  assert.equal(back, given)
})

test('plans come to rest: when each does what its plan says, nobody has anything left to do', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(4), { minLength: SHARD_COUNT, maxLength: SHARD_COUNT }), start => {
      const members = [member(1), member(2), member(3)]
      const now = [...start]
      for (const { incarnation: me } of members) {
        const plan = planShards(me, members, mapOf(now))
        for (const shard of plan.claim) now[shard] = me
        for (const [to, shards] of plan.release) for (const shard of shards) now[shard] = to
      }
      for (const { incarnation: me } of members) {
        const plan = planShards(me, members, mapOf(now))
        assert.equal([plan.claim, [...plan.release]], [[], []])
      }
    }),
    { numRuns: 30 },
  )
})

test('addresses: an operation lives in the shard of its subject; keys are read back as they were written', () => {
  assert.is(rootOf('b19.4'), 'b19')
  assert.is(shardOf('b19.4'), shardOf('b19'))
  assert.equal(parseAddress(addressKey(address('operation', 'b19.4'))), { kind: 'operation', id: 'b19.4' })
  assert.equal(parseAddress('image/a/b'), { kind: 'image', id: 'a/b' })
  for (const wrong of ['', 'instance', '/b19']) assert.throws(() => parseAddress(wrong), /not an address/)
})

test('the hash is the one it always was: a change would move every actor', () => {
  const ids = ['', 'a', 'instance', '00000000-0000-4000-8000-000000000000']
  assert.equal(ids.map(hash32), [2872998923, 444641715, 4027317979, 1564448355])
  assert.equal(ids.map(shardOf), [11, 179, 219, 99])
})

test.run()
