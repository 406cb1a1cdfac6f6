/** A certificate for loopback with its key, signed by itself, as `NAME.pem` and `NAME.key` in a folder. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { connect, type PeerCertificate } from 'node:tls'
import type { TlsFiles } from '../../transport/http/tls.ts'
import { within } from './socket.ts'

export function certificate(folder: string, name: string): TlsFiles {
  const files = { cert: join(folder, `${name}.pem`), key: join(folder, `${name}.key`) }
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const subject = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1']
  execFileSync('openssl', ['req', '-x509', ...curve, '-days', '2', ...subject, '-out', files.cert, '-keyout', files.key], { stdio: 'ignore' })
  return files
}

/** The name in the certificate that a new connection is shown. */
export async function shownAt(port: number): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false })
  const { promise, resolve, reject } = Promise.withResolvers<PeerCertificate>()
  socket.once('secureConnect', () => resolve(socket.getPeerCertificate())).once('error', reject)
  const peer = await within(5_000, 'a handshake', promise)
  socket.destroy()
  return String(peer.subject.CN)
}
