"""Where instructions go, for docs/performance.md: (title, workloads, [(function, piece, why it is there)]). The first
pattern that is found in a function's name says which piece it belongs to."""

HARNESS = [(r"^bench::|^std::|^mem|^__mem|^main", "the benchmark itself, and the C library",
            "its own loop, its sums over what came, copies and comparisons")]

DECODE = [
    (r"decode_huffman|decode_with|decode_few|decode_many|count_huffman|huffman_value", "Huffman code, decoded",
     "a look-up gives one or two characters; a refill for four of them, and the tail of each string"),
    (r"literal_in_arena|find_room|read_text", "text that has to be copied",
     "room is asked for, text is decoded to it, an entry is made, older ones go"),
    (r"Decoder::(literal|judge|read_integer)", "the head of a literal", "prefix, name, two lengths held against the block"),
    (r"Decoder::(next|indexed)", "an indexed field", "state, end of the block, first octet; the six words of the result"),
    (r"Table::|Decoder::", "blocks and the table", "entries that moved together, once a quarter of the arena is lost; a block's begin"),
]

ENCODE = [
    (r"encode_huffman|write_text", "Huffman code, encoded", "a string's length is written before it, its code in words of 8 octets"),
    (r"Encoder::look_at|Encoder::recall|Engine::look_at", "finding fields",
     "each is held octet by octet against what was encoded last under its sum; this is what makes them one octet"),
    (r"Encoder::(unknown_field|insert|replace)|Table::", "fields that are new",
     "two hashes and a search by name, and the entry that is made"),
    (r"Encoder::", "writing fields", "the octet of an entry and the check that it is still there"),
]

HEADS = [
    (r"rules::|classify", "judging values that are new", "every octet of a name and a value is held against RFC 9110 and 9113"),
    (r"check_|take_pseudo|read_content_length|RequestFields|misplaced|host_differs", "rules of whole messages",
     "which fields must be there, which must not, and what they say of each other"),
    (r"StreamTable|Slab|add_stream|recv_end|send_end|close_stream|finish_if_done|remove_if_settled|uncount|count$|"
     r"pass_over|state_of|start_request|begin_sending|settle_sending|post_stream|append_event|pop_event|Turns", "a stream's life",
     "its record and its place in the table, counted, ended on both sides, remembered, told of"),
    (r"send_request|send_response|send_trailers|write_block|split_block", "calls that send a head",
     "what a caller may not do is refused; room, frame header"),
    (r"send_data|queue_chunk|frame_data|frame_ready|frame_row|gather|dequeue|chunk", "content that is sent",
     "a record for what is lent, its turn, its frame, and the token that goes back"),
    (r"poll_|consume_output|OutputQueue|take_output|free_copy", "output", "slices to the caller, and what the transport took"),
    (r"Connection::|Engine::", "receiving", "from a frame's header to the event, with windows, budget and counters"),
]

PIECES = [
    ("Frames", [f"frame_parse/{kind}" for kind in ("data64", "data1k", "data16k", "ping", "window_update", "unknown")],
     [(r"Connection::receive|Engine::(receive|resume|on_|read_|keep_payload|begin_run|measure_run|settle_frames|stop_run)",
       "receive()",
       "the header held against its rule, stream, state, both windows, content-length, budget, counters, credit, event"),
      (r"poll|OutputQueue|consume", "output", "what waits is asked for after each piece"),
      (r"reply|announce|credit|write_", "what is answered", "PING, WINDOW_UPDATE"), *HARNESS]),
    ("Decoding fields", ["hpack_decode/nghttp2", "hpack_decode/go-hpack", "hpack_decode/haskell-http2-naive"],
     [*DECODE, *HARNESS]),
    ("Encoding fields", ["hpack_encode/raw-data"], [*ENCODE, *HARNESS]),
    ("Requests and responses",
     ["server_requests/0B", "request_response/body0/conc10", "request_response/body1024/conc10"],
     [*HARNESS, *DECODE, *ENCODE, *HEADS]),
    ("Content", ["request_response/body102400/conc10", "bulk_copy/upload_1GiB", "bulk_gather/upload_1GiB"],
     [*HARNESS, *DECODE, *ENCODE, *HEADS]),
]
