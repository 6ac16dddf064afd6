import java.time.Duration;
import java.util.*;
import java.util.concurrent.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.*;
import org.apache.kafka.common.serialization.*;

/** What Java's own clients do with a broker; `java ClientProgram.java BOOTSTRAP WHAT`. Prints what it found, line by line. */
public class ClientProgram {
  static String bootstrap;

  static KafkaProducer<String, String> producer(String transactionalId) {
    Map<String, Object> config = new HashMap<>();
    config.put("bootstrap.servers", bootstrap);
    config.put("linger.ms", 5);
    if (transactionalId != null) config.put("transactional.id", transactionalId);
    return new KafkaProducer<>(config, new StringSerializer(), new StringSerializer());
  }

  static KafkaConsumer<String, String> consumer(String group, Map<String, Object> more) {
    Map<String, Object> config = new HashMap<>(Map.of(
        "bootstrap.servers", bootstrap, "auto.offset.reset", "earliest", "enable.auto.commit", false,
        "isolation.level", "read_committed", "session.timeout.ms", 6000, "heartbeat.interval.ms", 200));
    if (group != null) config.put("group.id", group);
    config.putAll(more);
    return new KafkaConsumer<>(config, new StringDeserializer(), new StringDeserializer());
  }

  /** Reads a topic of one partition up to a last record. */
  static List<String> readAll(String topic) {
    try (var end = producer(null)) {
      end.send(new ProducerRecord<>(topic, "end"));
    }
    List<String> values = new ArrayList<>();
    try (var consumer = consumer(null, Map.of())) {
      consumer.assign(List.of(new TopicPartition(topic, 0)));
      while (true)
        for (var record : consumer.poll(Duration.ofSeconds(1))) {
          if (record.value().equals("end")) return values;
          values.add(record.value());
        }
    }
  }

  static void transactions() throws Exception {
    try (var producer = producer("java")) {
      producer.initTransactions();
      for (int n = 0; n < 6; n++) {
        producer.beginTransaction();
        producer.send(new ProducerRecord<>("transacted", "k", "value " + n));
        if (n % 2 == 0) producer.commitTransaction();
        else producer.abortTransaction();
      }
    }
    System.out.println("committed: " + readAll("transacted"));
  }

  static void fencing() throws Exception {
    try (var zombie = producer("fenced"); var next = producer("fenced")) {
      zombie.initTransactions();
      zombie.beginTransaction();
      zombie.send(new ProducerRecord<>("fenced", "of the zombie")).get();
      next.initTransactions();
      next.beginTransaction();
      next.send(new ProducerRecord<>("fenced", "of the next"));
      next.commitTransaction();
      try {
        zombie.commitTransaction();
        System.out.println("the zombie committed");
      } catch (ProducerFencedException | InvalidProducerEpochException e) {
        System.out.println("zombie: fenced");
      }
    }
    System.out.println("read: " + readAll("fenced"));
  }

  static void copy() throws Exception {
    try (var seed = producer(null)) {
      for (int n = 0; n < 300; n++) seed.send(new ProducerRecord<>("copy-in", String.valueOf(n)));
    }
    int done = 0;
    for (int round = 0; done < 300; round++) {
      // Each round ends in the middle of a transaction, as a crash would.
      var producer = producer("copier");
      producer.initTransactions();
      try (var consumer = consumer("copiers", Map.of("max.poll.records", 25))) {
        consumer.subscribe(List.of("copy-in"));
        for (int batches = 0; batches < 3 && done < 300; ) {
          var records = consumer.poll(Duration.ofSeconds(1));
          if (records.isEmpty()) continue;
          producer.beginTransaction();
          Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
          for (var record : records) {
            producer.send(new ProducerRecord<>("copy-out", record.value()));
            offsets.put(new TopicPartition(record.topic(), record.partition()), new OffsetAndMetadata(record.offset() + 1));
          }
          producer.sendOffsetsToTransaction(offsets, consumer.groupMetadata());
          if (++batches == 3) break;
          producer.commitTransaction();
          done += records.count();
        }
      }
      producer.close(Duration.ZERO);
    }
    List<String> values = readAll("copy-out");
    System.out.println("copied: " + values.size() + ", different: " + new HashSet<>(values).size());
  }

  static void group(String assignor) throws Exception {
    String topic = "group-" + assignor.length();
    Set<String> seen = ConcurrentHashMap.newKeySet();
    ExecutorService pool = Executors.newCachedThreadPool();
    List<KafkaConsumer<String, String>> members = new ArrayList<>();
    Map<String, Object> how = Map.of("partition.assignment.strategy", "org.apache.kafka.clients.consumer." + assignor);
    Set<Integer> active = ConcurrentHashMap.newKeySet();
    for (int m = 0; m < 3; m++) {
      int number = m;
      var member = consumer(topic, how);
      members.add(member);
      member.subscribe(List.of(topic));
      pool.submit(() -> {
        try {
          while (true)
            for (var record : member.poll(Duration.ofMillis(100))) {
              seen.add(record.value());
              active.add(number);
              member.commitAsync();
            }
        } catch (WakeupException e) {
          member.close();
        }
      });
    }
    try (var producer = producer(null)) {
      int sent = 0;
      while (active.size() < 3) for (int p = 0; p < 6; p++) producer.send(new ProducerRecord<>(topic, p, null, "v" + sent++)).get();
      members.get(0).wakeup();
      active.clear();
      while (active.size() < 2) for (int p = 0; p < 6; p++) producer.send(new ProducerRecord<>(topic, p, null, "v" + sent++)).get();
      while (seen.size() < sent) Thread.onSpinWait();
    }
    members.get(1).wakeup();
    members.get(2).wakeup();
    pool.shutdown();
    System.out.println(assignor + ": all read, " + pool.awaitTermination(30, TimeUnit.SECONDS));
  }

  public static void main(String[] args) throws Exception {
    bootstrap = args[0];
    switch (args[1]) {
      case "transactions" -> transactions();
      case "fencing" -> fencing();
      case "copy" -> copy();
      default -> group(args[1]);
    }
  }
}
