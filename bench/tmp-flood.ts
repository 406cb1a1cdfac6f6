import { connectAll, cpuMs, hangUp, memoryMb, startConductor, startGateway } from './console-world.ts'
const N = Number(process.argv[2] ?? 200), DEAF = 5
const conductor = await startConductor()
const gateway = await startGateway(conductor.endpoint)
const clients = await connectAll(gateway.url, N, () => ({ topic: 'instances', params: { limit: 100 } }))
const deaf = clients.slice(0, DEAF)
for (const c of deaf) c.socket.pause()
const c0 = cpuMs(gateway.pid), t0 = performance.now()
const before = await conductor.paid()
const last = await conductor.change({ rows: 100, perSecond: 10_000, seconds: 5 })
console.log('took', performance.now() - t0, 'cpu', (cpuMs(gateway.pid) - c0) / (performance.now() - t0), memoryMb(gateway.pid), before, await conductor.paid())
await new Promise(r => setTimeout(r, 2000))
const fast = clients.slice(DEAF)
console.log('told per client', fast.reduce((s, c) => s + c.told, 0) / fast.length, 'chars', fast[0]!.chars / fast[0]!.told)
for (const c of deaf) { c.isClose = true; c.socket.resume() }
fast[0]!.isClose = true
await new Promise(r => setTimeout(r, 4000))
for (const c of deaf) console.log(c.revs.size, c.told, [...c.revs.values()].slice(0, 5), last.slice(0, 5), c.socket.readyState)
console.log('gateway cpu now', cpuMs(gateway.pid) - c0)
hangUp(clients)
await gateway.kill()
conductor.stop()
