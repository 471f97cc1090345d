package bench;

import ca.uhn.hl7v2.DefaultHapiContext;
import ca.uhn.hl7v2.HL7Exception;
import ca.uhn.hl7v2.HapiContext;
import ca.uhn.hl7v2.app.HL7Service;
import ca.uhn.hl7v2.model.Message;
import ca.uhn.hl7v2.protocol.ReceivingApplication;
import ca.uhn.hl7v2.protocol.ReceivingApplicationException;
import ca.uhn.hl7v2.util.Terser;
import ca.uhn.hl7v2.validation.impl.ValidationContextFactory;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * HAPI's server before Kafka: a message is acknowledged once it is stored on all in-sync replicas (acks=all,
 * idempotent). Records are keyed by PID-3.1. Arguments: the MLLP port, the broker, the topic.
 */
public final class Listener {
  public static void main(String[] arguments) throws Exception {
    HapiContext hapi = new DefaultHapiContext();
    // HAPI's default rules refuse PHW's MSH-7.
    hapi.setValidationContext(ValidationContextFactory.noValidation());
    Map<String, Object> settings = Map.of("bootstrap.servers", arguments[1], "acks", "all");
    var bytes = new ByteArraySerializer();
    var producer = new KafkaProducer<byte[], byte[]>(settings, bytes, bytes);
    HL7Service server = hapi.newServer(Integer.parseInt(arguments[0]), false);
    server.registerApplication(
        new ReceivingApplication<Message>() {
          @Override
          public boolean canProcess(Message message) {
            return true;
          }

          @Override
          public Message processMessage(Message message, Map<String, Object> metadata)
              throws ReceivingApplicationException, HL7Exception {
            try {
              byte[] key = new Terser(message).get("/PID-3-1").getBytes(StandardCharsets.UTF_8);
              byte[] value = message.encode().getBytes(StandardCharsets.UTF_8);
              producer.send(new ProducerRecord<>(arguments[2], key, value)).get();
              return message.generateACK();
            } catch (IOException | InterruptedException | java.util.concurrent.ExecutionException error) {
              throw new ReceivingApplicationException(error);
            }
          }
        });
    server.startAndWait();
  }
}
