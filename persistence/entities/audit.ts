/** The audit log, as a chain. Changed only by the functions of the migration. */
import { defineEntity, p } from '@mikro-orm/core'

export const AuditEntity = defineEntity({
  name: 'Audit',
  tableName: 'audit',
  uniques: [{ name: 'audit_request', properties: ['requestId'] }],
  properties: {
    seq: p.bigint('number').primary().autoincrement(false),
    requestId: p.text(),
    at: p.bigint('number'),
    /** JSON of the line, letter for letter as it was hashed. */
    line: p.text(),
    hash: p.text(),
  },
})

/** One row: the newest line, and the one before the oldest that is kept. */
export const AuditChainEntity = defineEntity({
  name: 'AuditChain',
  tableName: 'audit_chain',
  checks: [{ name: 'audit_chain_id_check', property: 'id', expression: 'id = 1' }],
  properties: {
    id: p.smallint().primary().autoincrement(false),
    seq: p.bigint('number'),
    hash: p.text(),
    firstSeq: p.bigint('number'),
    firstHash: p.text(),
  },
})
