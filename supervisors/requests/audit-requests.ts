/** The audit log, as gateways ask for it. */
import type { ClusterApi } from '../../actors/api.ts'
import type { AuditLog } from '../../actors/kernel/audit.ts'
import { BatonError } from '../../actors/kernel/errors.ts'

/** Lines that one question looks at: a second's work. */
const VERIFIED_AT_ONCE = 20_000
const LISTED = 100

export function auditRequests(audit: AuditLog | undefined): Pick<ClusterApi, 'appendAudit' | 'listAudit' | 'verifyAudit'> {
  const log = (): AuditLog => {
    if (!audit) throw new BatonError('Unavailable', 'this conductor has no audit log')
    return audit
  }
  return {
    async appendAudit({ lines }) {
      await log().append(lines)
      return {}
    },
    listAudit: async ({ limit = LISTED, before }) => log().list({ limit, ...(before === undefined ? {} : { before }) }),
    verifyAudit: async ({ after }) => log().verify({ limit: VERIFIED_AT_ONCE, ...(after ? { after } : {}) }),
  }
}
