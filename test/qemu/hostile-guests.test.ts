/** What an agent in a real virtual machine can do that is not meant well: die while it builds or later, flood, lie, say nonsense. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { SILENT_MS, whyNoBuiltGuest, withGuests } from '../support/built-guests.ts'
import { eventually, rejects } from '../support/driver-contract.ts'
import { skipWithout } from '../support/driver-qemu-bench.ts'

const [BAD, GOOD] = ['aaaaaaaa-0000-4000-8000-000000000001', 'aaaaaaaa-0000-4000-8000-000000000002']
const missing = await whyNoBuiltGuest()

/** Ends the agent for good: what begins it again finds none. */
const SILENCE = 'rm -f /sbin/baton-agent; kill -9 $(pidof baton-agent) $(cat /run/baton/listener)'

test('an agent that is killed while its guest is built fails the build, and says what its last word was', async () => {
  if (missing !== null) return skipWithout(missing)
  await withGuests(async ({ spawn }) => {
    // Its user data is run before it is ready: so it is BUILDING until then.
    const begun = performance.now()
    await rejects('GuestFailed', spawn(BAD, `#!/bin/sh\nsleep 3\n${SILENCE}\nsleep 600\n`, SILENT_MS + 20_000), /its last word was BUILDING/)
    console.log(`BUILDING and silent: the build has failed after ${((performance.now() - begun) / 1000).toFixed(1)} s`)
  })
})

test('a guest that falls silent is unknown in time; one that floods, lies and says nonsense is counted, and nobody else is touched', async () => {
  if (missing !== null) return skipWithout(missing)
  await withGuests(async ({ guests, spawn, type, ask }) => {
    await Promise.all([spawn(BAD), spawn(GOOD)])
    const counters = () => guests.session(BAD).counters()
    await eventually(
      'the agent has been ended',
      async () => {
        await type(BAD, SILENCE)
        await guests.change(BAD, SILENT_MS)
        return guests.session(BAD).belief().heard === false
      },
      SILENT_MS + 30_000,
    )
    assert.is(guests.session(BAD).belief().status, 'ACTIVE', 'its last word')

    const port = 'port=/dev/$(basename $(dirname $(grep -l org.baton.agent.0 /sys/class/virtio-ports/*/name)))'
    const hello = `{"type":"hello","version":1,"agent":"liar/1","boot":"b","instance":"${GOOD}","service":"s","methods":[]}`
    await type(BAD, `${port}; echo '${hello}' >$port; echo '{"type":"result","id":7,"value":1}' >$port`)
    await eventually('the lie is counted', async () => counters().foreign === 1 && counters().unasked === 1, 20_000)
    await type(BAD, 'dd if=/dev/urandom of=$port bs=4096 count=50')
    await eventually('nonsense is counted', async () => counters().malformed > 0, 20_000)
    await type(BAD, "while :; do echo '{}'; done >$port &")
    await eventually('a flood is counted', async () => counters().flooded > 0, 20_000)
    const before = performance.now()
    await ask(GOOD, 'digest')
    console.log(`the other answers in ${Math.round(performance.now() - before)} ms beside the flood; ${JSON.stringify(counters())}`)
    const good = guests.session(GOOD)
    assert.equal([good.belief().heard, good.belief().status, good.belief().hello?.instance], [true, 'ACTIVE', GOOD])
    const { malformed, foreign, flooded, unasked, stale } = good.counters()
    assert.equal([malformed, foreign, flooded, unasked, stale], [0, 0, 0, 0, 0])
    assert.is(guests.session(BAD).belief().heard, false, 'none of it counts as a word of its agent')
  })
})

test.run()
