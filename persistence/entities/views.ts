/** What lists and the API read: one row per actor, with the columns that are filtered by and the whole as `body`. */
import { defineEntity, p } from '@mikro-orm/core'
import type { Json } from '../../actors/kernel/define.ts'

const shared = {
  id: p.text().collation('C').primary(),
  /** Cluster time, ms. */
  createdAt: p.bigint('number'),
  updatedAt: p.bigint('number'),
  body: p.json<Json>(),
}

export const InstanceEntity = defineEntity({
  name: 'Instance',
  tableName: 'instance',
  indexes: [
    { name: 'instance_created', properties: ['createdAt', 'id'] },
    { name: 'instance_live', properties: ['createdAt', 'id'], where: 'not deleted' },
    { name: 'instance_project', properties: ['project', 'createdAt', 'id'], where: 'not deleted' },
    { name: 'instance_name', properties: ['name', 'createdAt', 'id'], where: 'not deleted' },
    { name: 'instance_host', properties: ['host'], where: 'host is not null' },
    { name: 'instance_reservation', properties: ['reservation'], where: 'reservation is not null' },
  ],
  properties: {
    ...shared,
    name: p.text(),
    project: p.text(),
    vmState: p.text(),
    taskState: p.text().nullable(),
    host: p.text().nullable(),
    reservation: p.text().nullable(),
    deleted: p.boolean(),
  },
})

export const OperationEntity = defineEntity({
  name: 'Operation',
  tableName: 'operation',
  indexes: [
    { name: 'operation_created', properties: ['createdAt', 'id'] },
    { name: 'operation_subject', properties: ['subject'] },
    { name: 'operation_request', properties: ['requestId'], where: 'request_id is not null' },
    { name: 'operation_open', properties: ['createdAt', 'id'], where: 'open' },
  ],
  properties: {
    ...shared,
    kind: p.text(),
    subject: p.text(),
    status: p.text(),
    open: p.boolean(),
    requestId: p.text().nullable(),
    endedAt: p.bigint('number').nullable(),
  },
})

export const HostEntity = defineEntity({
  name: 'Host',
  tableName: 'host',
  properties: { ...shared, state: p.text(), enabled: p.boolean() },
})

export const FlavorEntity = defineEntity({
  name: 'Flavor',
  tableName: 'flavor',
  properties: { ...shared, name: p.text(), deleted: p.boolean() },
})

export const ServerGroupEntity = defineEntity({
  name: 'ServerGroup',
  tableName: 'server_group',
  properties: { ...shared, name: p.text(), project: p.text(), deleted: p.boolean() },
})

/** One row, with all of them. */
export const AggregatesEntity = defineEntity({
  name: 'Aggregates',
  tableName: 'aggregates',
  properties: { ...shared },
})

export const ImageEntity = defineEntity({
  name: 'Image',
  tableName: 'image',
  indexes: [
    { name: 'image_created', properties: ['createdAt', 'id'], where: 'not deleted' },
    { name: 'image_instance', properties: ['instance'], where: 'instance is not null and not deleted' },
    { name: 'image_project', properties: ['project', 'createdAt', 'id'], where: 'not deleted' },
    { name: 'image_visibility', properties: ['visibility', 'createdAt', 'id'], where: 'not deleted' },
  ],
  properties: {
    ...shared,
    name: p.text(),
    project: p.text(),
    status: p.text(),
    visibility: p.text().nullable(),
    size: p.bigint('number').nullable(),
    diskFormat: p.text().nullable(),
    containerFormat: p.text().nullable(),
    instance: p.text().nullable(),
    backupType: p.text().nullable(),
    deleted: p.boolean(),
  },
})

export const GuestEntity = defineEntity({
  name: 'Guest',
  tableName: 'guest',
  indexes: [
    { name: 'guest_created', properties: ['createdAt', 'id'], where: 'not deleted' },
    { name: 'guest_project', properties: ['project', 'createdAt', 'id'], where: 'not deleted' },
    { name: 'guest_unknown', properties: ['id'], where: "agent = 'unknown' and not deleted" },
  ],
  properties: { ...shared, project: p.text(), host: p.text(), agent: p.text(), status: p.text(), deleted: p.boolean() },
})

export const AgentEntity = defineEntity({
  name: 'Agent',
  tableName: 'agent',
  indexes: [
    { name: 'agent_created', properties: ['createdAt', 'id'], where: 'not deleted' },
    { name: 'agent_project', properties: ['project', 'createdAt', 'id'], where: 'not deleted' },
    { name: 'agent_key', properties: ['key'], where: 'not deleted' },
    { name: 'agent_door', properties: ['door'] },
    { name: 'agent_unknown', properties: ['id'], where: "agent = 'unknown' and not deleted" },
  ],
  properties: {
    ...shared,
    ...{ name: p.text(), project: p.text(), key: p.text(), door: p.text(), agent: p.text(), status: p.text(), deleted: p.boolean() },
  },
})

export const DiskEntity = defineEntity({
  name: 'Disk',
  tableName: 'disk',
  indexes: [
    { name: 'disk_created', properties: ['createdAt', 'id'], where: 'not deleted' },
    { name: 'disk_instance', properties: ['instance'], where: 'instance is not null' },
  ],
  properties: { ...shared, host: p.text(), instance: p.text().nullable(), deleted: p.boolean() },
})
