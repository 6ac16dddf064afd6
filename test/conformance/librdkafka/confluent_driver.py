"""Does with confluent-kafka what it is told, a JSON object on each line of its input, and tells what came of it.

A request is {"id", "do", "on", ...}: "do" names a function below, "on" the producer, consumer or admin client that it
is about. The answer is {"id", "result"} or {"id", "error"}. A consumer that was told to "run" also sends events.
Bytes travel as base64.
"""

import base64
import json
import sys
import threading

import confluent_kafka as kafka
from confluent_kafka import admin as administration

clients = {}
output = threading.Lock()


def send(message):
    with output:
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()


def packed(value):
    if isinstance(value, str):
        value = value.encode()
    return None if value is None else base64.b64encode(value).decode()


def unpacked(text):
    return None if text is None else base64.b64decode(text)


def error_of(error):
    return {
        "name": error.name(),
        "message": error.str(),
        "fatal": error.fatal(),
        "retriable": error.retriable(),
        "requiresAbort": error.txn_requires_abort(),
    }


def place(partition):
    """A TopicPartition as a list, its error if it has one."""
    shown = [partition.topic, partition.partition, partition.offset]
    if partition.metadata:
        shown.append(partition.metadata)
    return {"error": error_of(partition.error)} if partition.error else shown


def places(listed):
    return [kafka.TopicPartition(*one[:3], **({"metadata": one[3]} if len(one) > 3 else {})) for one in listed]


def record_of(message):
    return {
        "topic": message.topic(),
        "partition": message.partition(),
        "offset": message.offset(),
        "key": packed(message.key()),
        "value": packed(message.value()),
        "headers": [[name, packed(value)] for name, value in message.headers() or []],
        "timestamp": message.timestamp()[1],
    }


# Producers.


def producer(on, config):
    clients[on] = kafka.Producer(config)


def produce(on, records, flush=True):
    """Where each record went."""
    client = clients[on]
    delivered = [None] * len(records)

    def deliver(index):
        def delivery(error, message):
            where = None if message is None else [message.partition(), message.offset()]
            delivered[index] = {"error": error_of(error)} if error else where

        return delivery

    for index, record in enumerate(records):
        options = {name: record[name] for name in ("partition", "timestamp") if name in record}
        client.produce(
            record["topic"],
            value=unpacked(record.get("value")),
            key=unpacked(record.get("key")),
            headers=[(name, unpacked(value)) for name, value in record.get("headers", [])],
            on_delivery=deliver(index),
            **options,
        )
        client.poll(0)
    if flush:
        client.flush(30)
    return delivered


def init_transactions(on):
    clients[on].init_transactions(30)


def begin_transaction(on):
    clients[on].begin_transaction()


def send_offsets(on, consumer, offsets):
    clients[on].send_offsets_to_transaction(places(offsets), clients[consumer].consumer_group_metadata(), 30)


def commit_transaction(on):
    clients[on].commit_transaction(30)


def abort_transaction(on):
    clients[on].abort_transaction(30)


# Consumers.


def consumer(on, config):
    clients[on] = kafka.Consumer(config)


def subscribe(on, topics):
    clients[on].subscribe(topics)


def assign(on, partitions):
    clients[on].assign(places(partitions))


def read(on, count, timeout=20):
    """The next records, as many as asked for or as come in time."""
    records = []
    while len(records) < count:
        found = clients[on].consume(count - len(records), timeout)
        if not found:
            break
        for message in found:
            if message.error():
                raise kafka.KafkaException(message.error())
            records.append(record_of(message))
    return records


rebalancing = (
    kafka.KafkaError.ILLEGAL_GENERATION,
    kafka.KafkaError.REBALANCE_IN_PROGRESS,
    kafka.KafkaError.UNKNOWN_MEMBER_ID,
)


def run(on, topics):
    """Reads on and on, tells of records and of assignments, and commits each record."""
    client = clients[on]

    def changed(_, __):
        send({"event": on, "assigned": [[one.topic, one.partition] for one in client.assignment()]})

    def assigned(_, partitions):
        # Not yet part of the assignment; librdkafka adds them once this has returned.
        known = [[one.topic, one.partition] for one in client.assignment()]
        new = [[one.topic, one.partition] for one in partitions]
        send({"event": on, "assigned": known + [one for one in new if one not in known]})

    def revoked(_, partitions):
        gone = [[one.topic, one.partition] for one in partitions]
        known = [[one.topic, one.partition] for one in client.assignment()]
        send({"event": on, "assigned": [one for one in known if one not in gone], "revoked": gone})

    client.subscribe(topics, on_assign=assigned, on_revoke=revoked, on_lost=revoked)

    def loop():
        while on in clients:
            message = client.poll(0.1)
            if message is None:
                continue
            if message.error():
                send({"event": on, "error": error_of(message.error())})
                continue
            # Told first: what is committed has been seen, also when this process is killed between the two.
            send({"event": on, "record": record_of(message)})
            try:
                client.commit(message, asynchronous=False)
            except kafka.KafkaException as failure:
                # In a rebalance others may read the record again.
                if failure.args[0].code() not in rebalancing:
                    send({"event": on, "error": error_of(failure.args[0])})
        client.close()
        send({"event": on, "closed": True})

    threading.Thread(target=loop, daemon=True).start()


def stop(on):
    """Ends what `run` began; its last event is "closed"."""
    clients.pop(on)


def seek(on, partition):
    clients[on].seek(places([partition])[0])


def assignment(on):
    return [place(one) for one in clients[on].assignment()]


def commit(on, offsets):
    return [place(one) for one in clients[on].commit(offsets=places(offsets), asynchronous=False)]


def committed(on, partitions):
    return [place(one) for one in clients[on].committed(places(partitions), 20)]


def offsets_for_times(on, times):
    return [place(one) for one in clients[on].offsets_for_times(places(times), 20)]


def watermarks(on, partition):
    return list(clients[on].get_watermark_offsets(places([partition])[0], 20))


def close(on):
    clients.pop(on).close()


# Administration.


def admin(on, config):
    clients[on] = administration.AdminClient(config)


def settled(futures):
    """What each future of a call came to, by name."""
    results = {}
    for key, future in futures.items():
        try:
            results[str(key)] = future.result(20)
        except kafka.KafkaException as exception:
            results[str(key)] = {"error": error_of(exception.args[0])}
    return results


def create_topics(on, topics):
    return settled(clients[on].create_topics([administration.NewTopic(**topic) for topic in topics]))


def delete_topics(on, topics):
    return settled(clients[on].delete_topics(topics))


def create_partitions(on, topic, total):
    return settled(clients[on].create_partitions([administration.NewPartitions(topic, total)]))


def list_topics(on):
    metadata = clients[on].list_topics(timeout=20)
    return {
        "brokers": [[one.id, one.host, one.port] for one in metadata.brokers.values()],
        "controller": metadata.controller_id,
        "topics": {name: len(topic.partitions) for name, topic in metadata.topics.items()},
    }


def describe_topics(on, topics):
    described = settled(clients[on].describe_topics(kafka.TopicCollection(topics)))
    return {
        name: one
        if isinstance(one, dict)
        else {
            "partitions": [[p.id, p.leader.id, [r.id for r in p.replicas], [r.id for r in p.isr]] for p in one.partitions],
            "isInternal": one.is_internal,
            "id": str(one.topic_id),
        }
        for name, one in described.items()
    }


def describe_cluster(on):
    cluster = clients[on].describe_cluster().result(20)
    return {"id": cluster.cluster_id, "controller": cluster.controller.id, "nodes": [one.id for one in cluster.nodes]}


def resource(kind, name):
    return administration.ConfigResource(administration.ConfigResource.Type[kind], name)


def describe_configs(on, kind, name):
    """Those that are not defaults."""
    described = clients[on].describe_configs([resource(kind, name)])
    configs = next(iter(described.values())).result(20)
    return {entry.name: entry.value for entry in configs.values() if not entry.is_default and not entry.is_read_only}


def alter_configs(on, topic, configs):
    changed = resource("TOPIC", topic)
    for name, value in configs.items():
        changed.set_config(name, value)
    return list(settled(clients[on].alter_configs([changed])).values())[0]


def incremental_alter_configs(on, topic, changes):
    changed = resource("TOPIC", topic)
    for name, operation, value in changes:
        operation = administration.AlterConfigOpType[operation]
        changed.add_incremental_config(administration.ConfigEntry(name, value, incremental_operation=operation))
    return list(settled(clients[on].incremental_alter_configs([changed])).values())[0]


def list_groups(on, states=None):
    wanted = {"states": {kafka.ConsumerGroupState[state] for state in states}} if states else {}
    listed = clients[on].list_consumer_groups(**wanted).result(20)
    return {one.group_id: one.state.name for one in listed.valid}


def describe_group(on, group):
    described = clients[on].describe_consumer_groups([group])[group].result(20)
    return {
        "state": described.state.name,
        "assignor": described.partition_assignor,
        "coordinator": described.coordinator.id,
        "members": [
            {
                "clientId": member.client_id,
                "instanceId": member.group_instance_id,
                "partitions": sorted(place(one)[:2] for one in member.assignment.topic_partitions),
            }
            for member in described.members
        ],
    }


def delete_groups(on, groups):
    return settled(clients[on].delete_consumer_groups(groups))


def group_offsets(on, group):
    asked = [kafka.ConsumerGroupTopicPartitions(group)]
    answered = clients[on].list_consumer_group_offsets(asked)[group].result(20)
    return [place(one) for one in answered.topic_partitions]


def alter_group_offsets(on, group, offsets):
    asked = [kafka.ConsumerGroupTopicPartitions(group, places(offsets))]
    answered = clients[on].alter_consumer_group_offsets(asked)[group].result(20)
    return [place(one) for one in answered.topic_partitions]


def list_offsets(on, topic, partition, spec):
    """`spec`: earliest, latest, max_timestamp, or a timestamp."""
    wanted = administration.OffsetSpec
    asked = wanted.for_timestamp(spec) if isinstance(spec, int) else getattr(wanted, spec)()
    listed = clients[on].list_offsets({kafka.TopicPartition(topic, partition): asked})
    found = next(iter(listed.values())).result(20)
    return [found.offset, found.timestamp]


def delete_records(on, before):
    deleted = settled(clients[on].delete_records(places(before)))
    return [one if isinstance(one, dict) else one.low_watermark for one in deleted.values()]


def elect_leaders(on, partition):
    kind = kafka.ElectionType.PREFERRED
    elected = clients[on].elect_leaders(kind, places([partition])).result(20)
    return [error_of(error) if error else None for error in elected.values()]


def answer(number, do, request):
    try:

        send({"id": number, "result": globals()[do](**request)})
    except kafka.KafkaException as exception:
        send({"id": number, "error": error_of(exception.args[0])})


for line in sys.stdin:
    request = json.loads(line)

    answer(request.pop("id"), request.pop("do"), request)
