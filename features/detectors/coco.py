"""The 80 kinds of object of COCO (T.-Y. Lin et al., 2014), by the labels that its detectors give."""

from __future__ import annotations

_NAMES = (
    "person, bicycle, car, motorcycle, airplane, bus, train, truck, boat, traffic light, fire hydrant, , "
    "stop sign, parking meter, bench, bird, cat, dog, horse, sheep, cow, elephant, bear, zebra, giraffe, , "
    "backpack, umbrella, , , handbag, tie, suitcase, frisbee, skis, snowboard, sports ball, kite, "
    "baseball bat, baseball glove, skateboard, surfboard, tennis racket, bottle, , wine glass, cup, fork, "
    "knife, spoon, bowl, banana, apple, sandwich, orange, broccoli, carrot, hot dog, pizza, donut, cake, "
    "chair, couch, potted plant, bed, , dining table, , , toilet, , tv, laptop, mouse, remote, keyboard, "
    "cell phone, microwave, oven, toaster, sink, refrigerator, , book, clock, vase, scissors, teddy bear, "
    "hair drier, toothbrush"
)
PERSON = 1
LABELS = 91  # with the background, 0, and ten kinds that were never annotated
COCO = {label: name for label, name in enumerate(_NAMES.split(", "), start=PERSON) if name.strip()}
