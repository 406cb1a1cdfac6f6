/** The database example with PostgreSQL in a virtual machine of Debian. Where that image was not built, there is nothing to test. */
// A Debian is booted twice, maybe on emulated processors; time limit: 600 s
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { BUILT_IMAGES, readManifest } from '../../actors/hypervisor/drivers/qemu/built.ts'
import { demo } from '../../examples/database-service/demo.ts'
import { SERVERS, startCluster, telling, until } from '../support/cluster.ts'
import { whyNoQemu } from '../support/driver-qemu-bench.ts'
import { skip } from '../support/skip.ts'

const test = suite('a database in a Debian')
const isBuilt = ((await readManifest(BUILT_IMAGES))?.disks ?? []).some(({ name }) => name === 'debian')
const missing = (await whyNoQemu()) ?? (isBuilt ? null : '`npm run images -- --debian` has not been run')

test('it is backed up, its instance destroyed, and restored into another: the same rows', async () => {
  if (missing !== null) return skip(missing)
  const cluster = await startCluster({ args: ['--driver', 'qemu', '--conductors', '1', '--computes', '1'] })
  try {
    await telling(cluster, async () => {
      const { rows, sha256 } = await demo(console.log, { BATON_ENDPOINT: cluster.endpoint }, 'debian')
      assert.equal([rows, sha256.length], [4, 64])
    })
  } finally {
    // Guests outlive their cluster.
    for (const { id } of (await cluster.request('GET', SERVERS)).body.servers) await cluster.request('DELETE', `${SERVERS}/${id}`)
    await until('no guest', 30_000, async () => (await cluster.request('GET', SERVERS)).body.servers.length === 0)
    await cluster.stop()
  }
})

test.run()
