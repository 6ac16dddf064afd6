import java.nio.file.*;
import java.time.Duration;
import java.util.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.*;

/**
 * Writes and reads records of any bytes: `BOOTSTRAP write TOPIC COMPRESSION FILE` and `BOOTSTRAP read TOPIC COUNT`, the first
 * partition. A record is a line: timestamp, key, value, then names and values of headers. All but the timestamp are Base64;
 * null is "-".
 */
public class RecordProgram {
  static String packed(byte[] bytes) {
    return bytes == null ? "-" : Base64.getEncoder().encodeToString(bytes);
  }

  static byte[] unpacked(String text) {
    return text.equals("-") ? null : Base64.getDecoder().decode(text);
  }

  static void write(String bootstrap, String topic, String compression, String file) throws Exception {
    Map<String, Object> config =
        Map.of("bootstrap.servers", bootstrap, "compression.type", compression, "linger.ms", 50);
    try (var producer = new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer())) {
      List<java.util.concurrent.Future<RecordMetadata>> sent = new ArrayList<>();
      for (String line : Files.readAllLines(Path.of(file))) {
        String[] parts = line.split(" ", -1);
        var record = new ProducerRecord<>(topic, 0, Long.valueOf(parts[0]), unpacked(parts[1]), unpacked(parts[2]));
        for (int i = 3; i < parts.length; i += 2)
          record.headers().add(new String(unpacked(parts[i]), "UTF-8"), unpacked(parts[i + 1]));
        sent.add(producer.send(record));
      }
      for (var future : sent) future.get();
    }
  }

  static void read(String bootstrap, String topic, int count) throws Exception {
    Map<String, Object> config = Map.of("bootstrap.servers", bootstrap, "auto.offset.reset", "earliest");
    try (var consumer = new KafkaConsumer<>(config, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
      consumer.assign(List.of(new TopicPartition(topic, 0)));
      while (count > 0)
        for (var record : consumer.poll(Duration.ofSeconds(1))) {
          StringBuilder line = new StringBuilder().append(record.timestamp());
          line.append(' ').append(packed(record.key())).append(' ').append(packed(record.value()));
          for (var header : record.headers())
            line.append(' ').append(packed(header.key().getBytes("UTF-8"))).append(' ').append(packed(header.value()));
          System.out.println(line);
          count--;
        }
    }
  }

  public static void main(String[] args) throws Exception {
    if (args[1].equals("write")) write(args[0], args[2], args[3], args[4]);
    else read(args[0], args[2], Integer.parseInt(args[3]));
  }
}
