import { AuditChainEntity, AuditEntity } from './audit.ts'
import { ActorEntity, EventEntity, SnapshotEntity } from './journal.ts'
import { ClusterClockEntity, ConductorEntity, ShardEntity, ShardMapEntity } from './membership.ts'
import { AggregatesEntity, DiskEntity, FlavorEntity, HostEntity, ImageEntity, InstanceEntity, OperationEntity, ServerGroupEntity } from './views.ts'

export const ENTITIES = [
  EventEntity,
  ActorEntity,
  SnapshotEntity,
  InstanceEntity,
  OperationEntity,
  HostEntity,
  FlavorEntity,
  ServerGroupEntity,
  AggregatesEntity,
  ImageEntity,
  DiskEntity,
  ConductorEntity,
  ShardEntity,
  ShardMapEntity,
  ClusterClockEntity,
  AuditEntity,
  AuditChainEntity,
]
