/**
 * `node forward.ts <listen address> <port> <to address> <port>`: passes TCP connections on. With one of these on either side of a cable between
 * two network namespaces, what listens on one loopback can be reached from the other, as long as the cable is up.
 */
import { connect, createServer } from 'node:net'

const [listenAddress = '', listenPort = '', address = '', port = ''] = process.argv.slice(2)

createServer(near => {
  const far = connect(Number(port), address)
  for (const [from, to] of [
    [near, far],
    [far, near],
  ] as const) {
    from.on('error', () => to.destroy())
    from.on('close', () => to.destroy())
    from.pipe(to)
  }
}).listen(Number(listenPort), listenAddress, () => process.stdout.write('listening\n'))
