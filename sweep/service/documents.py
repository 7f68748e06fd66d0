"""What the service takes and gives, as its OpenAPI document describes it."""

from typing import Any, Final

from pydantic import BaseModel, Field

from sweep.service.bodies import FIELD, FORM_TYPE, JSON_TYPE, LARGEST_BODY, MOST_IMAGES


class RunnerUp(BaseModel):
    """A label that was thought of too."""

    label: str
    confidence: float = Field(ge=0, le=1)


class Answer(BaseModel):
    """The label of one image."""

    image: str = Field(description="The file's name; its index if it came in a JSON document.")
    label: str
    confidence: float = Field(ge=0, le=1, description="The label's probability.")
    runners_up: list[RunnerUp] = Field(description="The next best labels, most probable first.")


class Served(BaseModel):
    """Which model it is."""

    folder: str = Field(description="Name of the folder that is served.")
    sha256: str = Field(description="SHA-256 of its MANIFEST.json's content.")
    image_shape: list[int] = Field(description="Height, width and channels of the images that the network takes.")


class Health(BaseModel):
    """The model is loaded and runs."""

    status: str
    model: Served
    labels: list[str]


class Problem(BaseModel):
    """What is wrong with a request."""

    detail: str


PROBLEMS: Final[dict[int | str, dict[str, Any]]] = {
    408: {"model": Problem, "description": "The body did not arrive in time."},
    413: {"model": Problem, "description": f"More than {LARGEST_BODY:,} bytes, or more than {MOST_IMAGES} images."},
    415: {"model": Problem, "description": f"Neither {FORM_TYPE} nor {JSON_TYPE}."},
    422: {"model": Problem, "description": "Not such a document, or an image that cannot be read; it is named."},
    503: {"model": Problem, "description": "Too many requests at a time; try again."},
}
# A PNG of 8 x 8 pixels.
EXAMPLE: Final = (
    "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAAAAADhZOFXAAAAF0lEQVR42mNgwAZOnGBgYGCC8TAZmAAATngBl3kbKf0AAAAASUVORK5CYII="
)
BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            FORM_TYPE: {
                "schema": {
                    "type": "object",
                    "required": [FIELD],
                    "properties": {
                        FIELD: {
                            "type": "array",
                            "minItems": 1,
                            "maxItems": MOST_IMAGES,
                            "items": {"type": "string", "format": "binary"},
                            "description": "Image files of any size: PNG, JPEG, GIF, BMP, PPM, TIFF or WebP.",
                        }
                    },
                },
            },
            JSON_TYPE: {
                "schema": {
                    "type": "object",
                    "required": ["images"],
                    "properties": {
                        "images": {
                            "type": "array",
                            "minItems": 1,
                            "maxItems": MOST_IMAGES,
                            "items": {"type": "string", "format": "byte"},
                            "description": "Image files, each in base64.",
                        }
                    },
                },
                "example": {"images": [EXAMPLE]},
            },
        },
    }
}
