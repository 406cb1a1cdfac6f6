import { AuditChainEntity, AuditEntity } from './audit.ts'
import { ActorEntity, EventEntity, SnapshotEntity } from './journal.ts'
import { ClusterClockEntity, ConductorEntity, ShardEntity, ShardMapEntity } from './membership.ts'
import {
  AgentEntity,
  AggregatesEntity,
  DiskEntity,
  FlavorEntity,
  GuestEntity,
  HostEntity,
  ImageEntity,
  InstanceEntity,
  OperationEntity,
  ServerGroupEntity,
} from './views.ts'

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
  GuestEntity,
  AgentEntity,
  ConductorEntity,
  ShardEntity,
  ShardMapEntity,
  ClusterClockEntity,
  AuditEntity,
  AuditChainEntity,
]
